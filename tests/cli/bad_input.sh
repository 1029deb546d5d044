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
seq_run 2 --set training.tf32=true
said_once "'training.tf32' must be off or on, not 'true'"
seq_run 2 --set training.tf32=on
said_once "'training.tf32' is on, which only GPUs can do, but this run computes on the CPU; set it to off"
seq_run 2 --set parallel.stages=2
said_once "'parallel.stages' splits the model"
seq_run 2 --set training.global_batch=100000
said_once "the training split has 540 rows"
run 2 "$BIN/train_seq" --config "$SOURCE/configs/mnist_mlp.yaml" --set "data.path=$work/nowhere"
said_once "$work/nowhere"
seq_run 2 --set model.name=transformer
said_once "model.name"

seq_run 2 --set training.cuda_graph=on --set parallel.device=cpu
said_once "'training.cuda_graph': the run is not on a GPU; set it to auto"
seq_run 2 --set training.cuda_graph=true
said_once "'training.cuda_graph'"
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

# What is not a regular file is refused at once, whoever holds its other end.
mkfifo "$work/pipe"
run 2 timeout 20 "$BIN/train_seq" --config "$work/pipe" $small
said_once "$work/pipe: is a named pipe; give a regular file"
run 2 timeout 20 "$BIN/train_seq" --config /dev/zero $small
said_once "/dev/zero: is a character device; give a regular file"
exec 3<> "$work/pipe"  # open for writing, and nothing comes
run 2 timeout 20 "$BIN/train_seq" --config /dev/stdin $small <&3
said_once "/dev/stdin: is a named pipe; give a regular file"
exec 3>&-
run 2 "$BIN/train_seq" --config "$work" $small
said_once "$work: is a folder"
head -c 2000000 /dev/zero | tr '\0' '#' > "$work/large.yaml"
run 2 "$BIN/train_seq" --config "$work/large.yaml" $small
said_once "is larger than 1048576 bytes"

# Other encodings.
iconv -t UTF-16LE "$work/typo.yaml" > "$work/utf16.yaml"
run 2 "$BIN/train_seq" --config "$work/utf16.yaml"
said_once "is UTF-16 (little-endian"
printf 'run: {name: M\374ller}\n' > "$work/latin1.yaml"
run 2 "$BIN/train_seq" --config "$work/latin1.yaml" $small
said_once "$work/latin1.yaml:1:14: the byte 0xfc is not UTF-8"
seq_run 2 --set "$(printf 'run.name=M\374ller')"
said_once "is not UTF-8"
printf 'run: {name: "a\\x1b[31m\\nb"}\nepochs: "\\x1b[2J"\n' > "$work/control.yaml"
run 2 "$BIN/train_seq" --config "$work/control.yaml" $small
said_once "unknown key 'epochs'"
! grep -q "$(printf '\033')" "$work/err" || fail "a message holds an escape sequence"

# More than any machine has is refused in a moment and before it is allocated: with hardly more addresses than a small
# dry run needs, in GB; no limit where none will do (sanitizers).
address_limit=unlimited
for gigabytes in 1 2 3 4 6 8 12 16 24 32; do
  if (ulimit -v $((gigabytes * 1000000)) && "$BIN/train_seq" --config "$work/empty.yaml" $small --dry-run) \
    > /dev/null 2>&1; then
    address_limit=$(((gigabytes + 1) * 1000000))
    break
  fi
done
limited() (ulimit -v "$address_limit" && exec "$@")
too_much() {
  local started=$SECONDS
  run 2 limited timeout 60 "$BIN/train_seq" --config "$work/empty.yaml" $small --dry-run "${@:2}"
  said_once "$1"
  [ $((SECONDS - started)) -lt 30 ] || fail "took $((SECONDS - started)) s: ${*:2}"
}
too_much "--ranks 100000000: not a whole number" --ranks 100000000
too_much "'data.shape' must be" --set "data.shape=[1000000,1000000,1000000]"
too_much "'data.shape': " --set "data.shape=[65536,65536,65536]"
too_much "'data.samples' must be" --set data.samples=1000000000000000
too_much "of memory, but only" --set data.samples=1000000000 --set "data.shape=[3,512,512]"
too_much "'training.epochs' must be" --set training.epochs=1000000000000000000
too_much "'training.global_batch' must be" --set training.global_batch=9000000000000000000
too_much "'parallel.bucket_mb' must be" --set parallel.bucket_mb=1e-300
too_much "'parallel.link.latency_us' must be" --set parallel.backend=sim --set parallel.link.latency_us=1e300
too_much "logical CPUs" --set parallel.threads=60000
too_much "'model.hidden' of model 'mlp' must be" --set "model.hidden=[1000000000000]"
too_much "of memory, but only" --set "model.hidden=[999999999,999999999]"
too_much "of memory, but only" --set "model.hidden=[3000000,3000000]"
text="--set data.name=synthetic_text --set data.shape=null --set data.vocabulary=1000 --set data.max_length=16"
too_much "'model.layers' of model 'transformer' must be" $text --set model.name=transformer --set model.layers=1000000
too_much "of memory, but only" $text --set model.name=transformer --set model.layers=1024 --set model.embedding=65536
too_much "'data.vocabulary' must be" $text --set model.name=nbow --set data.vocabulary=2147483648
too_much "of memory, but only" $text --set model.name=nbow --set data.vocabulary=100000000 --set model.embedding=1000000
too_much "'data.max_length': " $text --set model.name=nbow --set data.max_length=1000000 --set data.samples=1000000000

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

# What is odd but good: UTF-16, words that YAML 1.1 takes for truth values, and a folder whose name is not UTF-8.
printf '\xef\xbb\xbfrun: {name: no}\n' | iconv -f UTF-8 -t UTF-16LE > "$work/utf16.yaml"
odd="$work/$(printf 'M\374ller')"
run 0 "$BIN/train_seq" --config "$work/utf16.yaml" --output "$odd" $small --set data.cache=no
folder=$(find "$odd" -mindepth 1 -maxdepth 1)
grep -qx '  name: "no"' "$folder/config.yaml" || fail "config.yaml does not quote a name that is no"
grep -qx '    eps: 1.0e-08' "$folder/config.yaml" || fail "config.yaml has a number that YAML 1.1 takes for text"
h5dump -d /config/given "$folder/run.h5" | grep -q 'run: {name: no}' || fail "/config/given is not readable"
for file in config.yaml log.txt; do
  iconv -f UTF-8 -t UTF-8 "$folder/$file" > /dev/null || fail "$file is not UTF-8"
done
# The resolved configuration says the same when it is given again.
run 0 "$BIN/train_seq" --config "$folder/config.yaml" --output "$work/again" --quiet
cmp "$folder/config.yaml" "$work/again"/*/config.yaml || fail "the resolved configuration changed by being read"
finish
