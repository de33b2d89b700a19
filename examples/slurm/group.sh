#!/bin/bash
# One training by several processes, on one node or many; it goes on after its time limit as run.sh does.
#   sbatch --ntasks=8 --job-name=digits examples/slurm/group.sh examples/recipes/digits.ts
#SBATCH --ntasks=2
#SBATCH --cpus-per-task=2
#SBATCH --time=1:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120

run=runs/$SLURM_JOB_NAME
if [ -e "$run/recipe.json" ]; then set -- --resume "$run"; else set -- "$@" --name "$SLURM_JOB_NAME"; fi

# (A signal to srun itself would kill the processes.)
trap 'again=yes; scancel --signal=TERM "$SLURM_JOB_ID.0"' USR1
trap : TERM # Slurm has signaled the processes
# --mpi=pmi2 for MPICH. (Since Slurm 22.05 a step does not inherit the processors of a task.)
srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  node_modules/.bin/fovea train "$@" --threads "$SLURM_CPUS_PER_TASK" &
child=$!
while wait $child; code=$?; kill -0 $child 2>/dev/null; do :; done
if [ -n "$again" ] && [ $code -ne 0 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
