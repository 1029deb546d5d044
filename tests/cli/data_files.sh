#!/usr/bin/env bash
# Data files that are none, through the programs: one line, exit code 2, at once; and notes in the log.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

news="$work/news" reviews="$work/reviews"
mkdir -p "$news" "$work/elsewhere"
for name in train test; do
  for i in 1 2 3 4 5 6; do printf '%d,words of %d,and more\n' $((i % 2 + 1)) "$i"; done > "$news/$name.csv"
done
# The data set of the run in place of $small's.
text_run() { # CODE SETTINGS...
  run "$1" timeout 60 "$BIN/train_seq" --config "$work/empty.yaml" --output "$work/runs" --quiet \
    --set model.name=nbow --set training.global_batch=2 --set training.epochs=1 --set parallel.device=cpu \
    --set parallel.threads=1 --set data.max_length=8 --set data.validation=0 "${@:2}"
}
ag_news() { text_run "$1" --set data.name=ag_news --set data.vocabulary=50 --set "data.path=$news" --set data.cache=none "${@:2}"; }

# A pipe that nobody writes to is not waited for, wherever it lies.
mkfifo "$work/pipe"
ag_news 2 --set data.tokenizer=basic_english --set "data.embeddings=$work/pipe"
said_once "$work/pipe: is a named pipe"
ln -s "$work/pipe" "$news/classes.txt"
ag_news 2
said_once "$news/classes.txt: is a named pipe"
rm "$news/classes.txt"
cp -r "$news" "$work/spoilt"
rm "$work/spoilt/train.csv"
ln -s "$work/pipe" "$work/spoilt/train.csv"
ag_news 2 --set "data.path=$work/spoilt"
said_once "train.csv: is a named pipe"
text_run 2 --set model.name=gpt --set data.name=text_file --set "data.path=$work/pipe"
said_once "$work/pipe: is a named pipe"

# No control character and no NUL of a file reaches the terminal.
rm "$work/spoilt/train.csv"
printf '1,a,b\n\033[2J\0x,a,b\n' > "$work/spoilt/train.csv"
ag_news 2 --set "data.path=$work/spoilt"
said_once "train.csv:2: class '\\x1b[2J\\x00x' is not a number"
iconv -f UTF-8 -t UTF-16 "$news/train.csv" > "$work/spoilt/train.csv"
ag_news 2 --set "data.path=$work/spoilt"
said_once "train.csv' is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8"
ag_news 2 --set data.max_bytes=20
said_once "raise data.max_bytes"

[ ! -e "$work/runs" ] || [ -z "$(ls "$work/runs")" ] || fail "bad input left a run folder: $(ls "$work/runs")"

# Every word that says no means no cache, and makes no folder.
cd "$work/elsewhere" || exit 1
for word in no off false none; do ag_news 0 --set "data.cache=$word"; done
[ -z "$(ls -A)" ] || fail "data.cache made $(ls -A)"

# What is no document is passed over, and the log says so once.
for part in train test; do
  for class in neg pos; do
    mkdir -p "$reviews/$part/$class"
    for i in 1 2 3; do echo "$class film $i" > "$reviews/$part/$class/$i.txt"; done
    for name in ._1.txt Thumbs.db 1.txt~; do printf '\0\5\26\7' > "$reviews/$part/$class/$name"; done
  done
done
text_run 0 --set data.name=imdb --set "data.path=$reviews" --set data.cache=none
grep -q 'skipped files and folders that are not documents: 12' "$(newest)/log.txt" || fail "the log does not say what was passed over"
grep -q ' 6 rows' "$(newest)/log.txt" || fail "not 6 rows: $(head -1 "$(newest)/log.txt")"
finish
