#!/bin/bash
# One training that outlives its time limit, preemption and its node: it goes back into the queue, and goes on.
#   sbatch --job-name=digits examples/slurm/run.sh examples/recipes/digits.ts
# Arguments are those of `fovea train`; the run folder is runs/NAME-OF-THE-JOB.
#SBATCH --cpus-per-task=4
#SBATCH --time=1:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# Two minutes before the time limit this shell gets USR1.
#SBATCH --signal=B:USR1@120

export FOVEA_THREADS=$SLURM_CPUS_PER_TASK
run=runs/$SLURM_JOB_NAME
if [ -e "$run/recipe.json" ]; then set -- --resume "$run"; else set -- "$@" --name "$SLURM_JOB_NAME"; fi

trap 'again=yes; kill -TERM $child' USR1 # the time is over: save, then requeue
trap 'kill -TERM $child' TERM            # scancel, preemption: save
node_modules/.bin/fovea train "$@" &
child=$!
# A signal ends `wait`, not the training.
while wait $child; code=$?; kill -0 $child 2>/dev/null; do :; done
if [ -n "$again" ] && [ $code -ne 0 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
