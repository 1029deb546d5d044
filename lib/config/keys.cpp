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
constexpr double kMostSeconds = 1e7, kMostMicroseconds = 1e9, kLeastGbps = 1e-6, kMostGbps = 1e6,
                 kMostSlowdown = 1e4;

std::vector<Key> run_and_model_keys() {
  return {
      LOCKSTEP_OPTIONAL_KEY(run.name, text("a text"), "the model's name",
                            "a name for people; part of no calculation"),
      LOCKSTEP_KEY(run.seed, whole<std::uint64_t>(0, std::numeric_limits<std::uint64_t>::max()),
                   "initial weights, order of the samples, dropout, validation split and synthetic data "
                   "follow from it"),
      LOCKSTEP_OPTIONAL_KEY(model.name, text("the name of a model"), kRequired, "which model is trained"),
      LOCKSTEP_OPTIONAL_KEY(
          model.preset, text("the name of a preset of the model"), "the model's first",
          "a named set of hyper-parameters; each can be overridden by its own key below 'model.'"),
  };
}

std::vector<Key> data_keys() {
  return {
      LOCKSTEP_OPTIONAL_KEY(data.name, text("the name of a data set"), kRequired,
                            "which data set is read or made"),
      LOCKSTEP_OPTIONAL_KEY(data.path, text("a folder, or a file"), "none",
                            "where the files lie, or, for text_file, the file; relative to the working "
                            "directory; synthetic data needs none"),
      LOCKSTEP_KEY(data.max_length, whole<Count>(1, kMostTokens),
                   "text: tokens per sample; longer texts are cut, shorter padded"),
      LOCKSTEP_KEY(data.batching,
                   one_of<Batching>({{"fixed", Batching::fixed}, {"length", Batching::length}}),
                   "text: fixed pads every batch to the longest sample there is; length makes batches of "
                   "samples of similar length, padded to the longest of the global batch"),
      LOCKSTEP_KEY(
          data.tokenizer,
          one_of<Tokenizer>({{"hash", Tokenizer::hash}, {"basic_english", Tokenizer::basic_english}}),
          "text: hash needs no vocabulary; basic_english builds one from the training split"),
      LOCKSTEP_KEY(data.vocabulary, whole<Count>(2, kMostWords),
                   "text: size of the hash table, or the largest vocabulary of basic_english and of each "
                   "language"),
      LOCKSTEP_OPTIONAL_KEY(data.min_freq, maybe(whole<Count>(1, kMostSamples)), "2 for multi30k, else 1",
                            "basic_english: rarer words are read as unknown"),
      LOCKSTEP_OPTIONAL_KEY(data.embeddings, text("a file"), "none",
                            "basic_english: word vectors to begin with, a word and its numbers a line "
                            "(GloVe, word2vec, fastText), raw or .gz"),
      LOCKSTEP_KEY(data.languages, language_pair(),
                   "multi30k: names of the files' languages, the one read and the one written"),
      LOCKSTEP_KEY(data.validation, real(from_to_below(0, 1)),
                   "share of the training split held out for validation, chosen by seed; 0: none; not for "
                   "sets that have a validation split of their own"),
      LOCKSTEP_KEY(data.test_share, real(between(0, 1)),
                   "text_file: share of the file, at its end, that is the test split"),
      LOCKSTEP_KEY(data.workers, whole<int>(1, 1024), "threads per rank that fetch batches ahead"),
      LOCKSTEP_KEY(data.max_train_rows, whole<Count>(0, kMostSamples),
                   "read only the first so many training rows; 0: all"),
      LOCKSTEP_OPTIONAL_KEY(data.cache, text_or_none("a folder, or none"), "none",
                            "where parsed and encoded data is kept for the next run; none: nowhere"),
      LOCKSTEP_KEY(
          data.max_bytes, auto_or(whole<Count>(1, kMostBytes)),
          "most bytes that are read of a file, unpacked; auto: 16 GiB, but of a .gz file no more than "
          "50 times its size, or 64 MiB where that is more"),
  };
}

std::vector<Key> image_and_synthetic_keys() {
  return {
      LOCKSTEP_KEY(data.normalise, boolean(),
                   "images: subtract the set's mean and divide by its deviation; false: pixels from 0 to 1"),
      LOCKSTEP_KEY(data.resize, whole<Count>(0, 4096),
                   "images: height and width to which they are resized, bilinearly; 0: as they are"),
      LOCKSTEP_KEY(data.crop_padding, whole<Count>(0, 1024),
                   "images: in training, pad with so many zero pixels on each side and cut the old size out "
                   "at a random place; 0: not"),
      LOCKSTEP_KEY(data.flip, boolean(), "images: in training, mirror every other one, drawn at random"),
      LOCKSTEP_KEY(data.rotation, real(from_to(0, 180)),
                   "images: in training, turn by a random angle of at most so many degrees; 0: not"),
      LOCKSTEP_KEY(data.samples, whole<Count>(1, kMostSamples),
                   "synthetic data: training samples, validation included"),
      LOCKSTEP_KEY(data.test_samples, whole<Count>(1, kMostSamples), "synthetic data: test samples"),
      LOCKSTEP_KEY(data.classes, whole<Count>(2, kMostClasses), "synthetic_images, synthetic_text: classes"),
      LOCKSTEP_KEY(data.shape, image_shape(), "synthetic_images: channels, height, width"),
  };
}

std::vector<Key> training_keys() {
  return {
      LOCKSTEP_OPTIONAL_KEY(training.epochs, maybe(whole<Count>(1, kMostEpochs)), "none",
                            "passes over the training split; give either this or training.steps"),
      LOCKSTEP_OPTIONAL_KEY(training.steps, maybe(whole<Count>(1, kMostSteps)), "none",
                            "optimizer steps, over as many epochs as they take"),
      LOCKSTEP_OPTIONAL_KEY(
          training.global_batch, maybe(whole<Count>(1, kMostSamples)), "none",
          "samples per optimizer step over all ranks, a multiple of ranks x accumulate; give either "
          "this or training.micro_batch"),
      LOCKSTEP_OPTIONAL_KEY(
          training.micro_batch, maybe(whole<Count>(1, kMostSamples)), "none",
          "samples per rank and forward pass; the global batch is this x ranks x accumulate"),
      LOCKSTEP_KEY(training.accumulate, whole<Count>(1, kMostPasses),
                   "forward and backward passes per optimizer step; gradients are reduced after the last"),
      LOCKSTEP_KEY(training.grad_clip, real(from_to(0, kMostReal)),
                   "largest 2-norm of the whole gradient; 0: not clipped"),
      LOCKSTEP_KEY(training.precision,
                   one_of<Precision>({{"fp32", Precision::fp32}, {"bf16", Precision::bf16}}),
                   "bf16: forward and backward passes under autocast; weights and optimizer stay fp32"),
      LOCKSTEP_KEY(training.tf32, one_of<bool>({{"off", false}, {"on", true}}),
                   "on: on a GPU, cuBLAS and cuDNN may round what fp32 products multiply to 10 bits "
                   "(TF32); off: both compute in fp32"),
      LOCKSTEP_KEY(
          training.cuda_graph,
          one_of<CudaGraphUse>(
              {{"auto", CudaGraphUse::automatic}, {"on", CudaGraphUse::on}, {"off", CudaGraphUse::off}}),
          "on a GPU: whole steps are captured as CUDA graphs, by the shapes of their batches, and "
          "replayed; auto: where that can be done, and log.txt says why not; on: refused where it "
          "cannot"),
      LOCKSTEP_KEY(training.target, real_list(), "levels of the validation metric whose time is recorded"),
  };
}

std::vector<Key> optimizer_keys() {
  return {
      LOCKSTEP_KEY(
          training.optimizer.name,
          one_of<OptimizerKind>(
              {{"sgd", OptimizerKind::sgd}, {"adam", OptimizerKind::adam}, {"adamw", OptimizerKind::adamw}}),
          "adamw differs from adam in decoupling weight decay from the gradient"),
      LOCKSTEP_KEY(training.optimizer.lr, real(from_to(kLeastPositive, kMostReal)),
                   "learning rate after warm-up"),
      LOCKSTEP_KEY(training.optimizer.weight_decay, real(from_to(0, kMostReal)),
                   "factor of the weights in each update"),
      LOCKSTEP_KEY(training.optimizer.momentum, real(from_to_below(0, 1)), "sgd only"),
      LOCKSTEP_KEY(training.optimizer.nesterov, boolean(), "sgd only; needs momentum > 0"),
      LOCKSTEP_KEY(training.optimizer.beta1, real(from_to_below(0, 1)),
                   "adam, adamw: decay of the mean of the gradient"),
      LOCKSTEP_KEY(training.optimizer.beta2, real(from_to_below(0, 1)),
                   "adam, adamw: decay of the mean of its square"),
      LOCKSTEP_KEY(training.optimizer.eps, real(from_to(kLeastPositive, kMostReal)),
                   "adam, adamw: added to the denominator"),
      LOCKSTEP_KEY(training.schedule.name,
                   one_of<ScheduleKind>({{"constant", ScheduleKind::constant},
                                         {"linear", ScheduleKind::linear},
                                         {"cosine", ScheduleKind::cosine}}),
                   "course of the learning rate after warm-up; linear and cosine fall towards 0 at the end "
                   "of the run"),
      LOCKSTEP_KEY(training.schedule.warmup_steps, whole<Count>(0, kMostSteps),
                   "steps over which the learning rate rises linearly to lr"),
  };
}

std::vector<Key> parallel_keys() {
  return {
      LOCKSTEP_KEY(
          parallel.device,
          one_of<DeviceKind>(
              {{"auto", DeviceKind::automatic}, {"cpu", DeviceKind::cpu}, {"cuda", DeviceKind::cuda}}),
          "auto: cuda where the build and the node have it, else cpu"),
      LOCKSTEP_KEY(
          parallel.backend,
          one_of<BackendKind>({{"auto", BackendKind::automatic},
                               {"mpi", BackendKind::mpi},
                               {"nccl", BackendKind::nccl},
                               {"sim", BackendKind::sim}}),
          "what carries the gradients; auto: nccl on cuda with a GPU for each rank, else mpi; sim: mpi over "
          "the link of parallel.link"),
      LOCKSTEP_KEY(parallel.threads, auto_or(whole<int>(1, 65536)),
                   "compute threads per rank; auto: cores of the node / ranks on it, at most those it is "
                   "bound to; a CPU quota of the control group counts as cores, rounded down"),
      LOCKSTEP_KEY(parallel.algorithm,
                   one_of<Algorithm>({{"all_reduce", Algorithm::all_reduce},
                                      {"parameter_server", Algorithm::parameter_server}}),
                   "train_ddp: how ranks share a step; parameter_server: as nn.DataParallel, rank 0 has "
                   "the batch, the loss and the optimizer, and sends parameters out and takes gradients in"),
      LOCKSTEP_KEY(parallel.overlap, boolean(),
                   "reduce a bucket as soon as it is full, while backward goes on"),
      LOCKSTEP_KEY(parallel.sync_batchnorm, boolean(),
                   "batch normalisation over the global batch instead of each rank's own"),
      LOCKSTEP_KEY(parallel.bucket_mb, real(from_to(kLeastMiB, kMostMiB)), "size of a gradient bucket, MiB"),
      LOCKSTEP_KEY(parallel.first_bucket_mb, real(from_to(kLeastMiB, kMostMiB)),
                   "size of the bucket that is ready first, MiB; at most bucket_mb"),
      LOCKSTEP_KEY(
          parallel.reduce_dtype,
          one_of<ReduceDtype>(
              {{"fp32", ReduceDtype::fp32}, {"bf16", ReduceDtype::bf16}, {"fp16", ReduceDtype::fp16}}),
          "type in which gradients travel and are summed"),
      LOCKSTEP_KEY(
          parallel.ablation,
          one_of<Ablation>(
              {{"none", Ablation::none}, {"no_comm", Ablation::no_comm}, {"comm_only", Ablation::comm_only}}),
          "train_ddp: no_comm reduces no gradients, comm_only computes nothing after the first "
          "step; neither is training, and analyze overlap sets them beside it"),
      LOCKSTEP_KEY(
          parallel.timeout_s, real(from_to(0, kMostSeconds)),
          "longest time, in seconds, that a rank may stand still: in a collective or message, in a "
          "step, while it starts, reads the data, evaluates or saves; then the run ends and says which "
          "rank it was; 0: any"),
  };
}

std::vector<Key> split_keys() {
  return {
      LOCKSTEP_KEY(parallel.stages, auto_or(whole<int>(1, 65536)),
                   "train_mp: ranks that share one model; replicas = ranks / stages; auto: all ranks"),
      LOCKSTEP_KEY(parallel.schedule, one_of<PipelineSchedule>(),
                   "train_mp: the order in which stages work through the micro-batches"),
      LOCKSTEP_KEY(parallel.micro_batches, auto_or(whole<int>(1, 65536)),
                   "train_mp: parts of a replica's batch; auto: 4, with layerwise 1"),
      LOCKSTEP_KEY(parallel.chunks, auto_or(whole<int>(1, 64)),
                   "train_mp: parts of the model a stage holds; auto: 1, with interleaved 2"),
      LOCKSTEP_KEY(
          parallel.partition, partition(),
          "train_mp: which layers lie on which stage; published: as the published comparisons split the "
          "model; auto: the fastest for measured layers"),
  };
}

std::vector<Key> link_keys() {
  return {
      LOCKSTEP_KEY(parallel.link.latency_us, real(from_to(0, kMostMicroseconds)),
                   "from one rank to another, microseconds"),
      LOCKSTEP_KEY(parallel.link.gbps, real(zero_or_from_to(kLeastGbps, kMostGbps)),
                   "bandwidth between two ranks, 10^9 bits a second; 0: without limit"),
      LOCKSTEP_KEY(parallel.link.jitter_us, real(from_to(0, kMostMicroseconds)),
                   "each operation takes longer by up to so much, drawn evenly by run.seed, microseconds"),
      LOCKSTEP_KEY(parallel.link.slow_rank, whole<int>(-1, 65535),
                   "the rank that slow_factor slows down; -1: none"),
      LOCKSTEP_KEY(parallel.link.slow_factor, real(from_to(1, kMostSlowdown)),
                   "how many times as long slow_phase takes on slow_rank, by sleeping: a fault to test the "
                   "analysis with"),
      LOCKSTEP_KEY(parallel.link.slow_phase,
                   one_of<SlowPhase>({{"compute", SlowPhase::compute}, {"data", SlowPhase::data}}),
                   "compute: forward and backward passes, on the CPU alone; data: the fetching of batches"),
  };
}

std::vector<Key> measure_and_checkpoint_keys() {
  return {
      LOCKSTEP_KEY(
          measure.scaling, one_of<Scaling>({{"strong", Scaling::strong}, {"weak", Scaling::weak}}),
          "what stays the same with more ranks: strong, the global batch; weak, the batch of each rank, "
          "given as training.micro_batch"),
      LOCKSTEP_KEY(measure.warmup, auto_or(whole<Count>(0, kMostSteps)),
                   "steps left out of the statistics; auto: found by analyze"),
      LOCKSTEP_KEY(checkpoint.every_epochs, whole<Count>(0, kMostEpochs),
                   "epochs between checkpoints; 0: none are written"),
      LOCKSTEP_KEY(checkpoint.keep, whole<Count>(1, kMostEpochs),
                   "how many of the newest checkpoints are kept"),
      LOCKSTEP_KEY(
          checkpoint.reschedule, boolean(),
          "--resume may go on with another learning rate, grad_clip or schedule than the checkpoint's, "
          "or, under the schedules linear and cosine, for another number of steps"),
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
      {"training.schedule", "the learning rate over the steps"},
      {"parallel", "devices, threads and the gradient exchange"},
      {"parallel.link", "the back end sim: a simulated link, and a slow rank"},
      {"measure", "how the run is to be read"},
      {"checkpoint", "what is kept for --resume, and what --resume may change"},
  };
  return docs.at(section);
}

std::vector<std::string> key_names() {
  std::vector<std::string> names;
  for (const Key& key : keys()) names.push_back(key.name);
  return names;
}

}  // namespace lockstep
