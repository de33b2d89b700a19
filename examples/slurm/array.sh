#!/bin/bash
# A search by a job array: every task works on the same study, begins when there is room for it, and takes the next trial.
#   sbatch --array=1-16 examples/slurm/array.sh lenet5 --vary 'optimizer.lr=log(1e-3, 1)' --trials 64 --out studies/rates
# Arguments are those of `fovea search` (or: kfold, ensemble).
#SBATCH --array=1-2
#SBATCH --cpus-per-task=2
#SBATCH --time=1:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120

trap 'again=yes; kill -TERM $child' USR1
trap 'kill -TERM $child' TERM
node_modules/.bin/fovea search "$@" --threads "$SLURM_CPUS_PER_TASK" &
child=$!
while wait $child; code=$?; kill -0 $child 2>/dev/null; do :; done
if [ -n "$again" ] && [ $code -ne 0 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
