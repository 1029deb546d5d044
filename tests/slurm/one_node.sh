# shellcheck shell=bash disable=SC2034
# A Slurm out of a temporary folder, with its own munge, of one node (this machine) or of the hosts of scripts/two-hosts.
# Sourced by the tests.

# Every test is called with the folder of the programs and the source folder.
PATH="$PATH:/usr/sbin:/sbin"
programs="$(cd "$1" && pwd)"
source_folder="$(cd "$2" && pwd)"

# Ends the test with exit code 77 where a part of Slurm is not installed.
skip_without_slurm() {
  local tool
  for tool in munged slurmctld slurmd sbatch srun sinfo; do
    if ! command -v "$tool" >/dev/null; then
      echo "skipped: no $tool; install slurm-wlm and munge"
      exit 77
    fi
  done
}

# write_slurm_conf FOLDER NODE=ADDRESS...: the first node is the controller's. Each node has the CPUs of this machine.
write_slurm_conf() {
  local folder="$1" controller="$2" user node cpus
  shift
  user="$(id -un)"
  cpus="$(nproc)"
  ((cpus >= 2)) || cpus=2
  # The ports follow from the process, so that two tests on one machine do not meet.
  local port=$((20000 + $$ % 20000 * 2))
  cat >"$folder/slurm.conf" <<EOF
ClusterName=lockstep_test
SlurmctldHost=${controller%=*}(${controller#*=})
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
ProctrackType=proctrack/pgid
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
TmpFS=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
EOF
  for node in "$@"; do
    mkdir -p "$folder/spool/${node%=*}"
    echo "NodeName=${node%=*} NodeAddr=${node#*=} CPUs=$cpus State=UNKNOWN" >>"$folder/slurm.conf"
  done
  echo "PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP" >>"$folder/slurm.conf"
}

# start_slurm FOLDER [NODE=ADDRESS...]: without nodes, of this machine alone. SLURM_CONF is set afterwards. Non-zero when
# the daemons do not come up.
start_slurm() {
  local folder="$1" node tries
  shift
  (($#)) || set -- "$(hostname -s)=127.0.0.1"
  mkdir -p "$folder"/{state,spool,munge}
  chmod 700 "$folder/munge"
  dd if=/dev/urandom of="$folder/munge/key" bs=1 count=1024 status=none
  chmod 600 "$folder/munge/key"
  write_slurm_conf "$folder" "$@"
  export SLURM_CONF="$folder/slurm.conf"
  munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
  slurmctld
  slurmd
  for node in "${@:2}"; do "$OTHER_HOST" "${node%=*}" slurmd; done
  for ((tries = 0; tries < 60; ++tries)); do
    [[ "$(sinfo --noheader --format=%D-%t 2>/dev/null)" == "$#-idle" ]] && return 0
    sleep 0.5
  done
  echo "Slurm did not come up; the end of its logs:" >&2
  tail -n 5 "$folder"/slurmctld.log "$folder"/slurmd.*.log >&2
  return 1
}

# stop_slurm FOLDER: ends what start_slurm started there, by the ids the daemons wrote.
stop_slurm() {
  local folder="$1" file pid tries
  scancel --state=RUNNING --state=PENDING --user="$(id -un)" 2>/dev/null || true
  for file in "$folder"/slurmd.*.pid "$folder/slurmctld.pid" "$folder/munged.pid"; do
    [[ -s "$file" ]] || continue
    pid="$(<"$file")"
    kill "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 50; ++tries)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
  done
}

# begin_slurm_test: skips without Slurm, and makes the folder $work, whose logs are shown on failure and which goes with
# what runs in $work/slurm.
begin_slurm_test() {
  skip_without_slurm
  work="$(mktemp -d)"
  trap end_slurm_test EXIT
}

# write_small_configuration: $work/small.yaml, a training of six steps.
write_small_configuration() {
  cat >"$work/small.yaml" <<'EOF'
model: {name: mlp}
data: {name: synthetic_images, samples: 256, test_samples: 64}
training: {steps: 6, global_batch: 16}
EOF
}

end_slurm_test() {
  local code=$?
  stop_slurm "$work/slurm"
  if ((code)); then
    tail -n 20 "$work"/*.log "$work"/slurm/slurmd.*.log >&2 || true
  fi
  rm -rf "$work"
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
