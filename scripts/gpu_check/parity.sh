# shellcheck shell=bash disable=SC2154,SC2034,SC2016,SC2046
# The cases of scripts/gpu-check that ask whether a run ends and is right. Sourced.

# What a model is trained on to compare losses; dropout is off, for its masks on a GPU are others than on a CPU.
images=(data.name=synthetic_images 'data.shape=[1,28,28]' data.classes=10)
colours=(data.name=synthetic_images 'data.shape=[3,32,32]' data.classes=10)
texts=(data.name=synthetic_text data.vocabulary=5000 data.classes=4 data.max_length=64)
pairs=(data.name=synthetic_pairs data.vocabulary=1000 data.max_length=20)
tokens=(data.name=synthetic_tokens data.vocabulary=256 data.max_length=64)

# settings_of MODEL: sets settings.
settings_of() {
  case "$1" in
    mlp) settings=(model.name=mlp "${images[@]}") ;;
    cnn) settings=(model.name=cnn model.preset=mnist "${images[@]}") ;;
    cnn_cifar10) settings=(model.name=cnn model.preset=cifar10 "${colours[@]}") ;;
    vgg11) settings=(model.name=vgg11 model.dropout=0 "${colours[@]}") ;;
    conv_autoencoder) settings=(model.name=conv_autoencoder "${images[@]}" data.normalise=false) ;;
    nbow) settings=(model.name=nbow "${texts[@]}") ;;
    text_cnn | lstm | gru) settings=(model.name="$1" model.dropout=0 "${texts[@]}") ;;
    transformer) settings=(model.name=transformer model.preset=small model.dropout=0 "${texts[@]}") ;;
    seq2seq) settings=(model.name=seq2seq model.dropout=0 "${pairs[@]}") ;;
    gpt) settings=(model.name=gpt model.preset=mini model.dropout=0 "${tokens[@]}") ;;
    # Enough layers for four stages of two chunks.
    mlp_deep) settings=(model.name=mlp 'model.hidden=[64,64,64,64,64,64,64]' "${images[@]}") ;;
    transformer_deep | gpt_deep)
      settings_of "${1%_deep}"
      settings+=(model.layers=6)
      ;;
  esac
}

small_run=(data.samples=1000 data.test_samples=64 data.validation=0 training.steps=25 training.global_batch=16
  training.optimizer.name=sgd training.optimizer.lr=0.05 parallel.threads=1)

# Models whose later steps say nothing: rounding of the first ones grows, by kinks and pooled maxima (docs/architecture.md).
first_step_only() { [[ "$1" == vgg11 || "$1" == text_cnn || "$1" == cnn_cifar10 ]]; }

seq_models() {
  echo mlp cnn transformer gpt
  [[ "$full" == no ]] || echo cnn_cifar10 vgg11 conv_autoencoder nbow text_cnn lstm gru seq2seq
}

# Those that pipelines cut.
deep_models() { [[ "$device" == cpu || ("$full" == no && "$gpus" -lt 2) ]] || echo mlp_deep transformer_deep gpt_deep; }

# reference MODEL: the CPU's run, made once; sets reference_steps.
reference() {
  local trouble="" run steps
  local -a settings
  reference_steps="$work/runs/cpu_$1/steps.csv"
  [[ ! -s "$reference_steps" ]] || return 0
  settings_of "$1"
  train "cpu_$1" 0 train_seq "${settings[@]}" "${small_run[@]}" parallel.device=cpu && return 0
  reference_trouble="$trouble"
  [[ "$trouble" == "$no_time"* ]] || reference_trouble="on the CPU: $trouble"
  return 1
}

# parity MODEL RANKS PROGRAM WHAT SETTINGS...: a run on the device and its losses beside the CPU's; a row.
parity() {
  local model="$1" ranks="$2" program="$3" what="$4" bound=1e-4 norm_bound=1e-3 compared=0 said="" trouble="" run steps
  local -a settings
  shift 4
  # Rounding in bf16 is large from the start, and grows with the steps.
  [[ " $* " != *" training.precision=bf16 "* ]] || bound=5e-2 norm_bound=5e-2 compared=5
  # Ten of vgg11's 65,536 units, turned by rounding, move its gradient by so much (tests/train/numerics.cpp).
  ! first_step_only "$model" || compared=1
  [[ "$model" != vgg11 || "$norm_bound" != 1e-3 ]] || norm_bound=1.3e-2
  if ! reference "$model"; then
    outcome "$what" "$reference_trouble"
    return
  fi
  settings_of "$model"
  settings+=("${small_run[@]}" "parallel.device=$device" "$@")
  if train "${case_name}_${what//[^a-z0-9]/_}" "$ranks" "$program" "${settings[@]}"; then
    said="$(compare_losses "$reference_steps" "$steps" "$bound" "$compared" "$norm_bound")" || trouble="${said:-the losses cannot be compared}"
    [[ -z "$trouble" ]] || show_losses "$reference_steps" "$steps" >>"$log"
  fi
  outcome "$what" "$trouble" "$said"
}

# That it was found is why the cases are tried at all.
case_card() { outcome - "" "$gpus x $card"; }

case_seq_fp32() {
  local model
  for model in $(seq_models); do parity "$model" 0 train_seq "$model"; done
}

case_seq_bf16() {
  local model
  for model in $(seq_models); do parity "$model" 0 train_seq "$model" training.precision=bf16; done
}

case_cuda_graph() {
  local model on trouble said run steps
  local -a settings
  need_cuda "a CUDA graph" && need_key training.cuda_graph || return
  for model in mlp transformer gpt; do
    trouble="" said=""
    settings_of "$model"
    if train "graph_on_$model" 0 train_seq "${settings[@]}" "${small_run[@]}" parallel.device=cuda training.cuda_graph=on; then
      on="$steps"
      train "graph_off_$model" 0 train_seq "${settings[@]}" "${small_run[@]}" parallel.device=cuda training.cuda_graph=off &&
        { said="$(compare_losses "$on" "$steps" 0 0 0)" || trouble="${said:-the losses cannot be compared}"; }
    fi
    outcome "$model" "$trouble" "$said"
  done
}

# over_nccl RANKS: as it comes, with a sharded optimizer, with sharded gradients, and with gradients reduced behind the backward pass.
over_nccl() {
  local model
  for model in mlp transformer; do
    parity "$model" "$1" train_ddp "$model x$1" parallel.backend=nccl
    parity "$model" "$1" train_ddp "$model x$1 sharded" parallel.backend=nccl parallel.shard=optimizer
    parity "$model" "$1" train_ddp "$model x$1 sharded gradients" parallel.backend=nccl parallel.shard=gradients
  done
  parity mlp "$1" train_ddp "mlp x$1 no overlap" parallel.backend=nccl parallel.overlap=false
}

case_ddp_nccl() {
  local ranks
  need_cuda "back end nccl" && need_mpirun || return
  for ranks in $(printf '%s\n' 1 2 4 8 "$gpus" | sort -nu); do
    ((ranks > gpus || ranks > 16)) || over_nccl "$ranks"
  done
}

case_ddp_mpi() {
  local model
  need_mpirun && need_shared_gpu || return
  for model in mlp cnn transformer; do parity "$model" 2 train_ddp "$model x2" parallel.backend=mpi; done
}

case_ps_mpi() {
  need_mpirun && need_shared_gpu || return
  parity mlp 2 train_ddp "mlp x2" parallel.backend=mpi parallel.algorithm=parameter_server
}

# pipeline WHAT MODEL RANKS BACKEND STAGES SCHEDULE MICRO_BATCHES SETTINGS...: a row.
pipeline() {
  parity "$2" "$3" train_mp "$1" "parallel.backend=$4" "parallel.stages=$5" "parallel.schedule=$6" "parallel.micro_batches=$7" "${@:8}"
}

# pipelines BACKEND RANKS: every schedule, with models of enough layers.
pipelines() {
  local backend="$1" ranks="$2" schedule model parts deep
  local -a more
  for schedule in layerwise gpipe 1f1b interleaved; do
    parts=4 more=()
    [[ "$schedule" != layerwise ]] || parts=1
    [[ "$schedule" != interleaved ]] || more=(parallel.chunks=2)
    for model in mlp transformer gpt; do
      deep=""
      [[ "$ranks" == 2 && ("$schedule" != interleaved || "$model" != mlp) ]] || deep=_deep
      pipeline "$model $schedule x$ranks" "$model$deep" "$ranks" "$backend" "$ranks" "$schedule" "$parts" "${more[@]}"
    done
  done
}

case_mp_mpi() {
  need_mpirun && need_shared_gpu || return
  if [[ "$full" == yes ]]; then
    pipelines mpi 2
    return
  fi
  pipeline "mlp gpipe x2" mlp 2 mpi 2 gpipe 4
  pipeline "gpt 1f1b x2" gpt 2 mpi 2 1f1b 4
}

case_hybrid_mpi() {
  need_mpirun && need_shared_gpu || return
  pipeline "transformer 2 x 2" transformer 4 mpi 2 1f1b 2
}

case_mp_nccl() {
  need_gpus 2 "; --full tries it on one, with a host name a rank" && need_mpirun || return
  pipelines nccl 2
  ((gpus < 4)) || pipelines nccl 4
}

case_hybrid_nccl() {
  need_gpus 4 && need_mpirun || return
  pipeline "transformer 2 x 2" transformer 4 nccl 2 1f1b 2
}

case_ddp_nccl_hosts() {
  local ranks hosts=own
  need_mpirun && need_shared_gpu && need_own_hosts || return
  for ranks in 2 4; do over_nccl "$ranks"; done
}

case_mp_nccl_hosts() {
  local hosts=own
  need_mpirun && need_shared_gpu && need_own_hosts && pipelines nccl 2
}
case_mp_nccl_hosts_x4() {
  local hosts=own
  need_mpirun && need_shared_gpu && need_own_hosts && pipelines nccl 4
}

# collectives RANKS BACKEND
collectives() {
  local trouble="" name="$case_name"
  launch "$name" "$1" commbench --backend "$2" --device "$device" --min 4 --max 4M --factor 16 --iterations 20 --seconds 0.1 \
    --output "$work/runs/$name"
  outcome "x$1" "$trouble" "$([[ -n "$trouble" ]] || fastest "$log")"
}

# fastest LOG: how fast the largest all-reduce was.
fastest() {
  awk '/^# [a-z]/ { named = $2 == "all_reduce" } named && $1 ~ /^[0-9]/ { size = $1; rate = $8 }
    END { if (size) printf "all_reduce of %d bytes: bus bandwidth %s GB/s", size, rate }' "$1"
}

case_commbench_mpi() { need_mpirun && need_shared_gpu && collectives 2 mpi; }
case_commbench_nccl() { need_gpus 2 "; --full tries it on one, with a host name a rank" && need_mpirun && collectives "$gpus" nccl; }
case_commbench_nccl_hosts() {
  local hosts=own
  need_mpirun && need_shared_gpu && need_own_hosts && collectives 2 nccl
}
