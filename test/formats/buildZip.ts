/** Zip archives without compression, right or wrong: material for the tests of the readers. */

/** One entry; the fields after `data` are written as given, whether true or not. */
export interface ZipInput {
  readonly name: string
  readonly data: Uint8Array
  /** 0, as written by default, means "not computed". */
  readonly crc?: number
  readonly method?: number
  readonly flags?: number
  /** Size in the directory. */
  readonly size?: number
  /** Position of the header in the directory. */
  readonly header?: number
}

/** What else may vary. */
export interface ZipOptions {
  /** Writes sizes and positions in 64-bit fields. */
  readonly zip64?: boolean
  readonly comment?: Uint8Array
  /** Number of entries that the end record states. */
  readonly count?: number
}

/** A zip archive. */
export function buildZip(entries: readonly ZipInput[], { zip64 = false, comment, count }: ZipOptions = {}): Uint8Array {
  const bodies: number[][] = []
  const directory: number[] = []
  let position = 0
  for (const { name, data, crc = 0, method = 0, flags = 0, size = data.length, header = position } of entries) {
    const nameBytes = [...new TextEncoder().encode(name)]
    const local = [...u32(0x04034b50), ...u16(45), ...u16(flags), ...u16(method), ...u32(0), ...u32(crc)]
    const padding = [0x46, 0x42, 2, 0, 0x5a, 0x5a] // torch.save aligns its entries with such a field
    bodies.push([...local, ...u32(data.length), ...u32(data.length), ...u16(nameBytes.length), ...u16(6)])
    bodies.push([...nameBytes, ...padding], [...data])
    const extra = zip64 ? [...u16(1), ...u16(24), ...u64(size), ...u64(data.length), ...u64(header)] : []
    const [short, stored, at] = zip64 ? [0xffffffff, 0xffffffff, 0xffffffff] : [size, data.length, header]
    directory.push(...u32(0x02014b50), ...u16(45), ...u16(45), ...u16(flags), ...u16(method), ...u32(0), ...u32(crc))
    directory.push(...u32(stored), ...u32(short), ...u16(nameBytes.length), ...u16(extra.length), ...u16(0))
    directory.push(...u16(0), ...u16(0), ...u32(0), ...u32(at), ...nameBytes, ...extra)
    position += 30 + nameBytes.length + padding.length + data.length
  }
  const number = count ?? entries.length
  const end64 = [...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0), ...u64(number)]
  const tail64 = [...end64, ...u64(number), ...u64(directory.length), ...u64(position)]
  const locator = [...u32(0x07064b50), ...u32(0), ...u64(position + directory.length), ...u32(1)]
  const [n, length, start] = zip64 ? [0xffff, 0xffffffff, 0xffffffff] : [number, directory.length, position]
  const end = [...u32(0x06054b50), ...u16(0), ...u16(0), ...u16(n), ...u16(n), ...u32(length), ...u32(start)]
  const note = [...u16(comment?.length ?? 0), ...(comment ?? [])]
  return Uint8Array.from([...bodies.flat(), ...directory, ...(zip64 ? [...tail64, ...locator] : []), ...end, ...note])
}

const little = (value: number | bigint, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))
const u16 = (value: number) => little(value, 2)
const u32 = (value: number) => little(value, 4)
const u64 = (value: number | bigint) => little(value, 8)
