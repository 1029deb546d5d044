#!/usr/bin/env bash
# Every mistake of a user ends in one line that names the place and the remedy, exit code 2, and no run folder.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

cat > "$work/typo.yaml" <<'Y'
model: {name: mlp}
data: {name: synthetic_images}
training:
  epochs: 1
  batchsize: 64
Y
run 2 "$BIN/train_seq" --config "$work/typo.yaml"
said_once "$work/typo.yaml:5: unknown key 'training.batchsize'; did you mean 'training.global_batch'?"

run 2 "$BIN/train_seq" --config "$work/absent.yaml"
said_once "$work/absent.yaml"
run 2 "$BIN/train_seq" --confg x
said_once "--config"
seq_run 2 --set training.epochs=three
said_once "'training.epochs'"
seq_run 2 --set training.micro_batch=8
said_once "training.micro_batch"
seq_run 2 --set model.hiden=[3]
said_once "did you mean 'model.hidden'?"
seq_run 2 --set model.name=mpl
said_once "mlp"
seq_run 2 --set parallel.stages=2
said_once "'parallel.stages' splits the model"
seq_run 2 --set training.global_batch=100000
said_once "the training split has 540 rows"
run 2 "$BIN/train_seq" --config "$SOURCE/configs/mnist_mlp.yaml" --set "data.path=$work/nowhere"
said_once "$work/nowhere"
seq_run 2 --set model.name=transformer
said_once "model.name"

seq_run 2 --set parallel.ablation=no_comm
said_once "'parallel.ablation' is for data-parallel training"
seq_run 2 --set parallel.backend=sim --set parallel.link.slow_rank=1 --set parallel.link.slow_factor=2
said_once "'parallel.link.slow_rank' is 1, but the run has the ranks 0 to 0"

touch "$work/file"
run 2 "$BIN/train_seq" --config "$work/empty.yaml" $small --output "$work/file"
said_once "--output"

# The same through mpirun: one line from one rank, and the same code.
ddp_run 2 3 --set training.global_batch=25
said_once "training.global_batch"
ddp_run 2 2 --set training.optimiser.lr=1
said_once "did you mean 'training.optimizer"
seq_run 2 --set parallel.algorithm=parameter_server
said_once "'parallel.algorithm'"
ddp_run 2 2 --set parallel.algorithm=parameter_server --set parallel.reduce_dtype=bf16
said_once "'parallel.reduce_dtype'"

# A model that cannot be split as asked.
mp_run 2 3 --set parallel.stages=2
said_once "2 stages do not divide 3 ranks"
mp_run 2 2 --set parallel.schedule=gpipe --set parallel.micro_batches=5
said_once "'parallel.micro_batches'"
mp_run 2 2 --set "parallel.partition=[1, 1]"
said_once "'parallel.partition'"
mp_run 2 2 --set parallel.schedule=interleaved --set parallel.chunks=9
said_once "'parallel.partition'"
mp_run 2 2 --set parallel.algorithm=parameter_server
said_once "'parallel.algorithm'"

[ -e /dev/nvidia0 ] || { ddp_run 2 2 --set parallel.backend=nccl; said_once "parallel."; }

[ ! -e "$work/runs" ] || [ -z "$(ls "$work/runs")" ] || fail "bad input left a run folder: $(ls "$work/runs")"

run 0 "$BIN/train_seq" --help
grep -q 'training.global_batch' "$work/out" || fail "--help does not list the keys"
run 0 "$BIN/train_ddp" --version
run 0 "$BIN/train_seq" --config "$work/empty.yaml" $small --dry-run
grep -q 'parameters' "$work/out" || fail "--dry-run does not describe the model"
# Of ranks that are not there.
run 0 "$BIN/train_mp" --config "$work/empty.yaml" $small --dry-run --ranks 6 --set parallel.stages=3 \
  --set parallel.schedule=1f1b --set parallel.micro_batches=4 --svg "$work/schedule.svg"
grep -q '3 stages x 2 replicas, 1f1b, 4 micro-batches' "$work/out" || fail "--dry-run does not describe the stages"
grep -q 'stage 2 | ' "$work/out" || fail "--dry-run does not draw the schedule"
grep -q '</svg>' "$work/schedule.svg" || fail "--svg did not draw"
run 2 "$BIN/train_mp" --config "$work/empty.yaml" $small --dry-run --ranks 2 --svg "$work/schedule.svg"
said_once "the file exists"
run 2 "$BIN/train_mp" --config "$work/empty.yaml" $small --dry-run --ranks 4 --set parallel.stages=3
said_once "3 stages do not divide 4 ranks"
[ ! -e "$work/runs" ] || fail "--dry-run left something behind"
finish
