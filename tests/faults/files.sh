#!/usr/bin/env bash
# Files that change under a run, and those that killed runs have left.
# shellcheck source=tests/faults/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

# Texts enough for a cache of some pages, which every batch reads.
news=$work/news
mkdir "$news"
for part in train test; do
  for i in $(seq 600); do echo "$((i % 4 + 1)),title of $i,some words and the number $i"; done > "$news/$part.csv"
done
texts="--config $work/empty.yaml --output $work/runs --quiet --set model.name=nbow --set data.name=ag_news --set data.path=$news
  --set data.vocabulary=100 --set data.max_length=64 --set data.cache=$work/cache --set training.global_batch=24
  --set training.epochs=100000 --set parallel.device=cpu --set parallel.threads=1"
bytes="--config $work/empty.yaml --output $work/runs --quiet --set model.name=gpt --set model.preset=mini --set model.layers=1
  --set model.embedding=16 --set model.heads=2 --set data.name=text_file --set data.path=$work/bytes.txt --set data.max_length=32
  --set model.context=32 --set training.global_batch=8 --set training.epochs=100000 --set parallel.device=cpu --set parallel.threads=1"
words() { for i in $(seq 9000); do echo "line $i of a text"; done; }

# cut_short PATTERN COMMAND...: the file is cut short while the command reads it.
cut_short() {
  local file
  start "${@:2}"
  sleep 1
  file=$(compgen -G "$1")
  truncate -s 100 "$file"
  ended 1 10
  said_once "was cut short or removed while it was being read: byte "
  said "put the whole file back and start again"
  said ": $file: was cut short"
  status_is failed run.h5
  grep -q "was cut short" "$(newest)/log.txt" || fail "log.txt does not say why it ended"
}
run 0 "$BIN/train_seq" $texts --set training.epochs=1
cut_short "$work/cache/*.rows" "$BIN/train_seq" $texts
run 0 "$BIN/train_seq" $texts --set training.epochs=1
cut_short "$work/cache/*.rows" "$MPIRUN" -np 2 "$BIN/train_ddp" $texts
# The next start makes it anew, and says so.
run 0 "$BIN/train_seq" $texts --set training.epochs=1
grep -q "is not used: .*; it is rebuilt" "$(newest)/log.txt" || fail "the cut cache was not made anew"
words > "$work/bytes.txt"
cut_short "$work/bytes.txt" "$BIN/train_seq" $bytes
words > "$work/bytes.txt"
cut_short "$work/bytes.txt" "$MPIRUN" -np 2 "$BIN/train_mp" $bytes --set parallel.schedule=1f1b --set parallel.micro_batches=2

# Data that is removed is still there for who has it open.
start "$BIN/train_seq" $texts --set training.epochs=100
mv "$news" "$work/cache" "$work/elsewhere" 2>/dev/null || { mkdir "$work/elsewhere" && mv "$news" "$work/cache" "$work/elsewhere"; }
ended 0 60
status_is complete run.h5
mv "$work/elsewhere/news" "$news"

# The run's own folder is removed, or moved: nothing is written elsewhere, and it is said where it was.
for way in "rm -rf" "mv -t $work/elsewhere"; do
  start "$MPIRUN" -np 2 "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $small --set training.epochs=100000
  folder=$(newest)
  $way "$folder"
  ended 1 20
  said_once "$folder/run.h5.partial: is gone: it was removed or moved while the run was writing it"
  [ ! -e "$folder" ] || fail "the run has made its folder again"
done
# What stands in the place of the folder of checkpoints is not written over.
start "$BIN/train_seq" --config "$work/empty.yaml" --output "$work/runs" $small --set training.epochs=100000 --set checkpoint.every_epochs=1
folder=$(newest)
until [ -e "$folder/checkpoint" ]; do sleep 0.1; done
kill -STOP "$pid"  # it would make the folder anew between the two
mv "$folder/checkpoint" "$folder/moved" && echo mine > "$folder/checkpoint"
kill -CONT "$pid"
ended 1 10
said_once "$folder/checkpoint"
[ "$(cat "$folder/checkpoint")" = mine ] || fail "a file in the place of checkpoint/ was written over"
status_is failed run.h5

# What killed runs have left is removed at the next start; what somebody still writes stays, and so does what is not ours.
old=$work/runs/20250101-000000_seq_mlp_1r_0123abcd/checkpoint
mkdir -p "$old" "$work/runs/mine/checkpoint"
leave() { truncate -s 1M "$old/../run.h5.partial.3f09ab" "$old/epoch_000002.safetensors.partial" "$old/epoch_000001.pt.partial" "$work/cache/ag_news-0.rows.aZ09bc"; }
mkdir -p "$work/cache"
leave
touch "$old/notes.partial" "$old/epoch_000001.safetensors" "$work/runs/mine/checkpoint/x.safetensors.partial" "$work/cache/mine.rows.backup"
touch "$old/../run.h5.partial" "$old/../run.h5.partial.backup"
ln -s notes.partial "$old/link.safetensors.partial"
mkfifo "$old/pipe.safetensors.partial"
exec 9> "$old/epoch_000003.safetensors.partial"
flock 9
run 0 "$BIN/train_seq" $texts --set training.epochs=1 --set checkpoint.every_epochs=1
grep -q "removed unfinished files of killed runs: 3" "$(newest)/log.txt" || fail "log.txt does not say what was removed"
[ "$(ls "$old")" = "$(printf '%s\n' epoch_000001.safetensors epoch_000003.safetensors.partial link.safetensors.partial notes.partial pipe.safetensors.partial)" ] ||
  fail "there is $(ls "$old")"
[ "$(cd "$old/.." && ls -d run*)" = "$(printf '%s\n' run.h5.partial run.h5.partial.backup)" ] || fail "beside the run file there is $(ls "$old/..")"
[ -e "$work/runs/mine/checkpoint/x.safetensors.partial" ] || fail "something in a folder that is no run was removed"
[ "$(cd "$work/cache" && ls -d ./*.rows.*)" = ./mine.rows.backup ] || fail "in the cache there is $(ls "$work/cache")"
exec 9>&-
resumed=$(newest)
truncate -s 1M "$resumed/checkpoint/epoch_000002.safetensors.partial"
run 0 "$BIN/train_seq" --resume "$resumed" --set training.epochs=2 --output "$work/others" --quiet
[ ! -e "$resumed/checkpoint/epoch_000002.safetensors.partial" ] || fail "--resume did not remove what it found unfinished"
[ -e "$old/epoch_000003.safetensors.partial" ] || fail "a run elsewhere removed files of this folder"
# A report: what was being written when it was killed.
mkdir "$work/others/report"
touch "$work/others/report/.analyze.0123456789abcdef" "$work/others/report/.analyze.mine"
"$BIN/analyze" "$work/others" > /dev/null 2>&1
[ ! -e "$work/others/report/.analyze.0123456789abcdef" ] || fail "a killed report's file is still there"
[ -e "$work/others/report/.analyze.mine" ] || fail "a file that is not ours was removed"
finish
