#!/bin/bash
# A search in one allocation: a trial is a step of the job, on any of its nodes.
#   sbatch --nodes=4 --ntasks=16 examples/slurm/sweep.sh lenet5 --vary 'optimizer.lr=log(1e-3, 1)' --trials 64 --out studies/rates
# Arguments are those of `fovea search` (or: kfold, ensemble).
#SBATCH --ntasks=2
#SBATCH --cpus-per-task=2
#SBATCH --time=1:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120

trap 'again=yes; kill -TERM $child' USR1
trap 'kill -TERM $child' TERM
node_modules/.bin/fovea search "$@" --jobs "$SLURM_NTASKS" --threads "$SLURM_CPUS_PER_TASK" \
  --launcher "srun --exact -N1 -n1 -c$SLURM_CPUS_PER_TASK" &
child=$!
while wait $child; code=$?; kill -0 $child 2>/dev/null; do :; done
if [ -n "$again" ] && [ $code -ne 0 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
