#include "config/keys.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <utility>

#include "config/codecs.hpp"

namespace lockstep {

namespace {

template <typename T>
Key make_key(std::string name, T& (*member)(RunConfig&), Codec<T> codec, std::string doc, std::string unset) {
  // RunConfig has one accessor a key, for reading and writing; const_cast lets the getter share it.
  const auto get = [member, write = codec.write](const RunConfig& c) {
    return write(member(const_cast<RunConfig&>(c)));
  };
  const auto set = [member, read = codec.read](RunConfig& c, const Value& v) {
    auto value = read(v);
    if (value) member(c) = std::move(*value);
    return value.has_value();
  };
  const auto reset = [member](RunConfig& c) {
    RunConfig fresh;
    member(c) = member(fresh);
  };
  return {std::move(name),
          std::move(codec.allowed),
          std::move(doc),
          std::move(unset),
          codec.is_text,
          std::move(codec.choices),
          get,
          set,
          reset};
}

// A key's name is the path of its member, so the two cannot differ.
#define LOCKSTEP_KEY(path, codec, doc) LOCKSTEP_OPTIONAL_KEY(path, codec, "", doc)
#define LOCKSTEP_OPTIONAL_KEY(path, codec, unset, doc) \
  make_key<decltype(RunConfig().path)>(                \
      #path, [](RunConfig& c) -> decltype(RunConfig().path)& { return c.path; }, codec, doc, unset)

using Count = std::int64_t;
// Every number has bounds: far beyond what anybody runs, near enough that products stay within 64 bits (ranks
// x accumulate x batch, samples x pixels, epochs x steps) and that single precision holds what a step
// computes with.
constexpr Count kMostSamples = 1'000'000'000, kMostPasses = 65'536, kMostEpochs = 1'000'000;
constexpr Count kMostSteps = 1'000'000'000'000, kMostTokens = 1'000'000, kMostWords = 100'000'000;
constexpr Count kMostClasses = 1'000'000, kMostBytes = 1'000'000'000'000'000;
constexpr double kLeastPositive = 1e-30, kMostReal = 1e6;  // of what is multiplied with weights and gradients
constexpr double kLeastMiB = 1e-6, kMostMiB = 1e6;         // a byte; a tebibyte
constexpr double kMostSeconds = 1e7, kMostMinutes = 1e6, kMostMicroseconds = 1e9, kLeastGbps = 1e-6,
                 kMostGbps = 1e6, kMostSlowdown = 1e4;

std::vector<Key> run_and_model_keys() {
  return {
      LOCKSTEP_OPTIONAL_KEY(run.name, text("a text"), "the model's name",
                            "a label for readers; has no effect on the run"),
      LOCKSTEP_KEY(run.seed, whole<std::uint64_t>(0, std::numeric_limits<std::uint64_t>::max()),
                   "determines initial weights, order of the samples, dropout, validation split and "
                   "synthetic data"),
      LOCKSTEP_OPTIONAL_KEY(model.name, text("the name of a model"), kRequired, "the model to train"),
      LOCKSTEP_OPTIONAL_KEY(model.preset, text("the name of a preset of the model"), "the model's first",
                            "a named set of hyper-parameters; keys below 'model.' override single ones"),
      LOCKSTEP_KEY(
          model.kernels, one_of<Kernels>({{"own", Kernels::own}, {"library", Kernels::library}}),
          "library: layers compute by LibTorch's operations alone, without the kernels of this project; "
          "results are equal up to rounding"),
  };
}

std::vector<Key> data_keys() {
  return {
      LOCKSTEP_OPTIONAL_KEY(data.name, text("the name of a data set"), kRequired,
                            "the data set to read or generate"),
      LOCKSTEP_OPTIONAL_KEY(data.path, text("a folder, or a file"), "none",
                            "folder of the files, or, for text_file, the file; relative to the working "
                            "directory; not needed for synthetic data"),
      LOCKSTEP_KEY(data.max_length, whole<Count>(1, kMostTokens),
                   "text: tokens per sample; longer texts are truncated, shorter ones padded"),
      LOCKSTEP_KEY(data.batching,
                   one_of<Batching>({{"fixed", Batching::fixed}, {"length", Batching::length}}),
                   "text: fixed pads every batch to the longest sample of the data set; length groups "
                   "samples of similar length and pads to the longest of the global batch"),
      LOCKSTEP_KEY(
          data.tokenizer,
          one_of<Tokenizer>({{"hash", Tokenizer::hash}, {"basic_english", Tokenizer::basic_english}}),
          "text: hash needs no vocabulary; basic_english builds one from the training split"),
      LOCKSTEP_KEY(data.vocabulary, whole<Count>(2, kMostWords),
                   "text: size of the hash table, or the maximum vocabulary of basic_english and of each "
                   "language"),
      LOCKSTEP_OPTIONAL_KEY(data.min_freq, maybe(whole<Count>(1, kMostSamples)), "2 for multi30k, else 1",
                            "basic_english: words that occur less often are read as unknown"),
      LOCKSTEP_OPTIONAL_KEY(data.embeddings, text("a file"), "none",
                            "basic_english: initial word vectors, one word with its numbers per line "
                            "(GloVe, word2vec, fastText), raw or .gz"),
      LOCKSTEP_KEY(data.languages, language_pair(),
                   "multi30k: source and target language, as in the names of the files"),
      LOCKSTEP_KEY(data.validation, real(from_to_below(0, 1)),
                   "share of the training split held out for validation, chosen by seed; 0: none; not "
                   "for data sets with their own validation split"),
      LOCKSTEP_KEY(data.test_share, real(between(0, 1)),
                   "text_file: share of the file, at its end, used as the test split"),
      LOCKSTEP_KEY(data.workers, whole<int>(1, 1024), "threads per rank that prefetch batches"),
      LOCKSTEP_KEY(data.max_train_rows, whole<Count>(0, kMostSamples),
                   "read at most this many training rows, from the start; 0: all"),
      LOCKSTEP_OPTIONAL_KEY(data.cache, text_or_none("a folder, or none"), "none",
                            "folder in which parsed and encoded data is cached for the next run; none: "
                            "no cache"),
      LOCKSTEP_KEY(
          data.max_bytes, auto_or(whole<Count>(1, kMostBytes)),
          "size limit of an input file, in bytes after decompression; auto: 16 GiB, but for a .gz file "
          "at most 50 times its size, or 64 MiB if that is more"),
  };
}

std::vector<Key> image_and_synthetic_keys() {
  return {
      LOCKSTEP_KEY(data.normalise, boolean(),
                   "images: subtract the data set's mean and divide by its standard deviation; false: "
                   "pixels from 0 to 1"),
      LOCKSTEP_KEY(data.resize, whole<Count>(0, 4096),
                   "images: height and width to resize to, bilinearly; 0: not resized"),
      LOCKSTEP_KEY(data.crop_padding, whole<Count>(0, 1024),
                   "images: in training, pad each side with this many zero pixels and crop to the "
                   "original size at a random place; 0: off"),
      LOCKSTEP_KEY(data.flip, boolean(), "images: in training, mirror each image with probability 1/2"),
      LOCKSTEP_KEY(data.rotation, real(from_to(0, 180)),
                   "images: in training, rotate by a random angle of at most this many degrees; 0: off"),
      LOCKSTEP_KEY(data.samples, whole<Count>(1, kMostSamples),
                   "synthetic data: training samples, validation included"),
      LOCKSTEP_KEY(data.test_samples, whole<Count>(1, kMostSamples), "synthetic data: test samples"),
      LOCKSTEP_KEY(data.classes, whole<Count>(2, kMostClasses),
                   "synthetic_images, synthetic_text: number of classes"),
      LOCKSTEP_KEY(data.shape, image_shape(), "synthetic_images: channels, height, width"),
  };
}

std::vector<Key> training_keys() {
  return {
      LOCKSTEP_OPTIONAL_KEY(training.epochs, maybe(whole<Count>(1, kMostEpochs)), "none",
                            "passes over the training split; set either this or training.steps"),
      LOCKSTEP_OPTIONAL_KEY(training.steps, maybe(whole<Count>(1, kMostSteps)), "none",
                            "optimizer steps, over as many epochs as needed"),
      LOCKSTEP_OPTIONAL_KEY(
          training.global_batch, maybe(whole<Count>(1, kMostSamples)), "none",
          "samples per optimizer step over all ranks, a multiple of ranks x accumulate; set either this "
          "or training.micro_batch"),
      LOCKSTEP_OPTIONAL_KEY(
          training.micro_batch, maybe(whole<Count>(1, kMostSamples)), "none",
          "samples per rank and forward pass; the global batch is this x ranks x accumulate"),
      LOCKSTEP_KEY(training.accumulate, whole<Count>(1, kMostPasses),
                   "forward and backward passes per optimizer step; gradients are reduced after the last"),
      LOCKSTEP_KEY(training.grad_clip, real(from_to(0, kMostReal)),
                   "maximum 2-norm of the whole gradient; 0: no clipping"),
      LOCKSTEP_KEY(training.precision,
                   one_of<Precision>({{"fp32", Precision::fp32}, {"bf16", Precision::bf16}}),
                   "bf16: forward and backward passes under autocast; weights and optimizer stay fp32"),
      LOCKSTEP_KEY(training.tf32, one_of<bool>({{"off", false}, {"on", true}}),
                   "on: on a GPU, cuBLAS and cuDNN may round the factors of fp32 products to 10-bit "
                   "mantissas (TF32); off: both compute in fp32"),
      LOCKSTEP_KEY(
          training.cuda_graph,
          one_of<CudaGraphUse>(
              {{"auto", CudaGraphUse::automatic}, {"on", CudaGraphUse::on}, {"off", CudaGraphUse::off}}),
          "on a GPU: capture whole steps as CUDA graphs, one per shape of batch, and replay them; auto: "
          "if possible, otherwise log.txt says why not; on: the run is refused if not possible"),
      LOCKSTEP_KEY(training.target, real_list(),
                   "values of the validation metric for which the time to reach "
                   "them is reported"),
  };
}

std::vector<Key> optimizer_keys() {
  return {
      LOCKSTEP_KEY(
          training.optimizer.name,
          one_of<OptimizerKind>(
              {{"sgd", OptimizerKind::sgd}, {"adam", OptimizerKind::adam}, {"adamw", OptimizerKind::adamw}}),
          "adamw: adam with decoupled weight decay"),
      LOCKSTEP_KEY(training.optimizer.lr, real(from_to(kLeastPositive, kMostReal)),
                   "learning rate after warm-up"),
      LOCKSTEP_KEY(training.optimizer.weight_decay, real(from_to(0, kMostReal)),
                   "weight decay: added to the gradient times the weights (sgd, adam), or decoupled "
                   "(adamw)"),
      LOCKSTEP_KEY(training.optimizer.momentum, real(from_to_below(0, 1)), "sgd only"),
      LOCKSTEP_KEY(training.optimizer.nesterov, boolean(), "sgd only; needs momentum > 0"),
      LOCKSTEP_KEY(training.optimizer.beta1, real(from_to_below(0, 1)),
                   "adam, adamw: decay of the running mean of the gradient"),
      LOCKSTEP_KEY(training.optimizer.beta2, real(from_to_below(0, 1)),
                   "adam, adamw: decay of the running mean of the squared gradient"),
      LOCKSTEP_KEY(training.optimizer.eps, real(from_to(kLeastPositive, kMostReal)),
                   "adam, adamw: added to the denominator"),
      LOCKSTEP_KEY(training.schedule.name,
                   one_of<ScheduleKind>({{"constant", ScheduleKind::constant},
                                         {"linear", ScheduleKind::linear},
                                         {"cosine", ScheduleKind::cosine}}),
                   "learning rate after warm-up; linear and cosine decay to 0 at the end of the run"),
      LOCKSTEP_KEY(training.schedule.warmup_steps, whole<Count>(0, kMostSteps),
                   "steps over which the learning rate rises linearly to lr"),
  };
}

Codec<std::optional<Overlap>> overlap() {
  auto codec = auto_or(one_of<Overlap>());
  codec.allowed = "auto, true, false or thread";
  return codec;
}

std::vector<Key> parallel_keys() {
  return {
      LOCKSTEP_KEY(parallel.device, one_of<DeviceKind>(),
                   "auto: cuda if the build and the node support it, else cpu"),
      LOCKSTEP_KEY(
          parallel.backend, one_of<BackendKind>(BackendKind::self),
          "communication back end; auto: nccl on cuda with a GPU for each rank, shm on the CPU if ranks "
          "share a node, else mpi; shm: gradients in memory that the ranks of a node share, and MPI between "
          "nodes; sim: mpi with the simulated link of parallel.link"),
      LOCKSTEP_KEY(parallel.threads, auto_or(whole<int>(1, 65536)),
                   "compute threads per rank; auto: cores of the node / ranks on the node, at most the "
                   "cores that the rank is bound to; a CPU quota of the control group counts as cores, "
                   "rounded down"),
      LOCKSTEP_KEY(parallel.algorithm,
                   one_of<Algorithm>({{"all_reduce", Algorithm::all_reduce},
                                      {"parameter_server", Algorithm::parameter_server}}),
                   "train_ddp: how ranks share a step; parameter_server: as in nn.DataParallel, rank 0 "
                   "has the batch, the loss and the optimizer, sends out parameters and collects "
                   "gradients"),
      LOCKSTEP_KEY(
          parallel.overlap, overlap(),
          "true: all-reduce each bucket as soon as it is full, during the backward pass; false: after it; "
          "thread: as true, and over shm a thread does it, which takes a core; auto, train_ddp: try them in "
          "the first steps and go on with the fastest"),
      LOCKSTEP_KEY(parallel.sync_batchnorm, boolean(),
                   "batch normalisation over the global batch instead of each rank's share"),
      LOCKSTEP_KEY(
          parallel.bucket_mb, auto_or(real(from_to(kLeastMiB, kMostMiB))),
          "size of a gradient bucket, MiB; auto, train_ddp: the fastest of 5, 25 and 100 in the first steps"),
      LOCKSTEP_KEY(parallel.first_bucket_mb, real(from_to(kLeastMiB, kMostMiB)),
                   "size of the first bucket to become ready, MiB; at most bucket_mb"),
      LOCKSTEP_KEY(
          parallel.reduce_dtype,
          one_of<ReduceDtype>(
              {{"fp32", ReduceDtype::fp32}, {"bf16", ReduceDtype::bf16}, {"fp16", ReduceDtype::fp16}}),
          "type in which gradients are sent and summed"),
      LOCKSTEP_KEY(
          parallel.sparse_gradients,
          one_of<SparseGradients>({{"auto", SparseGradients::automatic}, {"off", SparseGradients::off}}),
          "auto: of a word embedding's gradient on the CPU, clear and reduce only the rows of words in the "
          "step's batch, unless these are more than half of the vocabulary; off: always the whole"),
      LOCKSTEP_KEY(
          parallel.shard, one_of<Sharding>(),
          "train_ddp: optimizer: each rank has the optimizer's state of, and updates, 1/ranks of the parameters "
          "(ZeRO stage 1); gradients: and keeps only their gradients (stage 2); none: of all; auto: optimizer where "
          "all ranks share one node's memory, else none"),
      LOCKSTEP_KEY(
          parallel.ablation,
          one_of<Ablation>(
              {{"none", Ablation::none}, {"no_comm", Ablation::no_comm}, {"comm_only", Ablation::comm_only}}),
          "train_ddp: no_comm does not reduce gradients, comm_only computes nothing after the first "
          "step; neither trains the model; analyze overlap compares both with training"),
      LOCKSTEP_KEY(
          parallel.timeout_s, real(from_to(0, kMostSeconds)),
          "longest time, in seconds, that a rank may make no progress: in a collective, a message or a "
          "step, or while it starts, reads the data, evaluates or saves; then the run ends and names the "
          "rank; 0: no limit"),
  };
}

std::vector<Key> split_keys() {
  return {
      LOCKSTEP_KEY(parallel.stages, auto_or(whole<int>(1, 65536)),
                   "train_mp: ranks that share one model; replicas = ranks / stages; auto: all ranks"),
      LOCKSTEP_KEY(parallel.schedule, one_of<PipelineSchedule>(),
                   "train_mp: the order in which stages work through the micro-batches"),
      LOCKSTEP_KEY(parallel.micro_batches, auto_or(whole<int>(1, 65536)),
                   "train_mp: micro-batches into which a replica's batch is split; auto: 4, or 1 with "
                   "layerwise"),
      LOCKSTEP_KEY(parallel.chunks, auto_or(whole<int>(1, 64)),
                   "train_mp: chunks of the model per stage; auto: 1, or 2 with interleaved"),
      LOCKSTEP_KEY(
          parallel.partition, partition(),
          "train_mp: which layers each stage holds; published: as in the published comparisons; auto: "
          "the fastest by measured layer costs"),
  };
}

std::vector<Key> link_keys() {
  return {
      LOCKSTEP_KEY(parallel.link.latency_us, real(from_to(0, kMostMicroseconds)),
                   "latency from one rank to another, microseconds"),
      LOCKSTEP_KEY(parallel.link.gbps, real(zero_or_from_to(kLeastGbps, kMostGbps)),
                   "bandwidth between two ranks, 10^9 bits per second; 0: unlimited"),
      LOCKSTEP_KEY(parallel.link.jitter_us, real(from_to(0, kMostMicroseconds)),
                   "maximum random delay added to each operation, uniformly distributed, determined by "
                   "run.seed, microseconds"),
      LOCKSTEP_KEY(parallel.link.slow_rank, whole<int>(-1, 65535),
                   "the rank that slow_factor slows down; -1: none"),
      LOCKSTEP_KEY(parallel.link.slow_factor, real(from_to(1, kMostSlowdown)),
                   "slow_phase takes this many times as long on slow_rank, by sleeping: a fault for "
                   "testing the analysis"),
      LOCKSTEP_KEY(parallel.link.slow_phase,
                   one_of<SlowPhase>({{"compute", SlowPhase::compute}, {"data", SlowPhase::data}}),
                   "compute: forward and backward passes, only on the CPU; data: fetching batches"),
  };
}

std::vector<Key> measure_and_checkpoint_keys() {
  return {
      LOCKSTEP_KEY(
          measure.scaling, one_of<Scaling>({{"strong", Scaling::strong}, {"weak", Scaling::weak}}),
          "what stays fixed as ranks are added: strong, the global batch; weak, the batch of each rank, "
          "set by training.micro_batch"),
      LOCKSTEP_KEY(measure.warmup, auto_or(whole<Count>(0, kMostSteps)),
                   "steps left out of the statistics; auto: analyze detects the warm-up"),
      LOCKSTEP_KEY(checkpoint.every_epochs, whole<Count>(0, kMostEpochs),
                   "epochs between checkpoints; 0: none at the end of epochs"),
      LOCKSTEP_KEY(checkpoint.every_steps, whole<Count>(0, kMostSteps),
                   "steps between checkpoints, within epochs too; 0: none by steps"),
      LOCKSTEP_KEY(checkpoint.every_minutes, real(from_to(0, kMostMinutes)),
                   "minutes between checkpoints, written after the step in progress; 0: none by time"),
      LOCKSTEP_KEY(checkpoint.on_signal, auto_or(boolean()),
                   "a signal that ends the run (SIGTERM, SIGINT, SIGUSR1, ...) lets it write a checkpoint "
                   "after the step in progress; auto: if another checkpoint key asks for checkpoints"),
      LOCKSTEP_KEY(checkpoint.keep, whole<Count>(1, kMostEpochs),
                   "number of checkpoints to keep, newest first"),
      LOCKSTEP_KEY(
          checkpoint.reschedule, boolean(),
          "lets --resume change the learning rate, grad_clip and schedule of the checkpoint and, with "
          "the schedules linear and cosine, the number of steps"),
  };
}

#undef LOCKSTEP_KEY
#undef LOCKSTEP_OPTIONAL_KEY

std::vector<Key> make_table() {
  std::vector<Key> table;
  for (auto part : {run_and_model_keys, data_keys, image_and_synthetic_keys, training_keys, optimizer_keys,
                    parallel_keys, split_keys, link_keys, measure_and_checkpoint_keys}) {
    std::vector<Key> some = part();
    std::move(some.begin(), some.end(), std::back_inserter(table));
  }
  return table;
}

}  // namespace

std::string Key::section() const { return name.substr(0, name.rfind('.')); }
std::string Key::last() const { return name.substr(name.rfind('.') + 1); }

const std::vector<Key>& keys() {
  static const std::vector<Key> table = make_table();
  return table;
}

const Key* find_key(const std::string& name) {
  const auto found =
      std::find_if(keys().begin(), keys().end(), [&](const Key& key) { return key.name == name; });
  return found == keys().end() ? nullptr : &*found;
}

const std::vector<std::string>& sections() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found;
    for (const Key& key : keys())
      if (found.empty() || found.back() != key.section()) found.push_back(key.section());
    return found;
  }();
  return names;
}

std::string section_doc(const std::string& section) {
  static const std::map<std::string, std::string> docs = {
      {"run", "the run as a whole"},
      {"model", "what is trained"},
      {"data", "what it is trained on"},
      {"training", "how it is trained"},
      {"training.optimizer", "how a gradient becomes an update"},
      {"training.schedule", "the course of the learning rate"},
      {"parallel", "devices, threads and communication"},
      {"parallel.link", "the back end sim: a simulated link, or a slow rank"},
      {"measure", "how analyze interprets the run"},
      {"checkpoint", "what is saved for --resume, and what --resume may change"},
  };
  return docs.at(section);
}

std::vector<std::string> key_names() {
  std::vector<std::string> names;
  for (const Key& key : keys()) names.push_back(key.name);
  return names;
}

}  // namespace lockstep
