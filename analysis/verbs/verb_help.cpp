#include "analysis/verbs/verb_help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "analysis/verbs/command_line.hpp"

namespace lockstep {

namespace {

struct VerbText {
  std::string_view verb;
  const char* shows;
  const char* columns;  // "header: what it is", one a line; "": no tables of its own
  const char* flags;    // its own, beside --format, --output, --strict and --baseline where it prints pages
  const char* example;
};

constexpr VerbText kTexts[] = {
    {"report",
     "Prints what 'summary' prints, and writes to report/ below the first path: index.html, summary.md, "
     ".json, .csv\n"
     "and .tex, and each picture as .svg and .csv, and where gnuplot is installed as .png and .pdf.",
     "", "--dark --full --watch", "analyze experiments"},
    {"summary",
     "Does parallel training pay, why, what to do next, and one row per configuration, the best first; with "
     "--full\n"
     "the verdict, the times, speedups, communication and time budgets of all configurations. Writes "
     "nothing.",
     "verdict: pays, does not pay, cannot be said, refused; baseline, or one rank\n"
     "lost mostly in: the largest part of the time lost against the ideal step, and its share\n"
     "next: the first advice with its predicted gain, or what would decide\n"
     "launches: launches of this configuration, or 'single'\n"
     "p50 ms, p95 ms, p99 ms: percentiles of the steady steps\n"
     "samples/s: samples of all ranks divided by the time of a step\n"
     "training s, run s: all steady steps; the run from start to end\n"
     "speedup: the baseline's time divided by this one's, for the same work\n"
     "effic. %: the speedup divided by the ranks",
     "--full --watch", "analyze summary experiments --format md"},
    {"scaling", "Times and speedups by number of ranks, and fitted scaling laws.",
     "ranks: processes that train together\n"
     "scaling: strong (the global batch is fixed) or weak (the batch of each rank is fixed)\n"
     "ms/step, training s: median over the launches\n"
     "vs: the baseline of the comparison\n"
     "speedup: the baseline's time divided by this one's\n"
     "effic. %: the speedup divided by the ranks\n"
     "Karp-Flatt: (1/S - 1/p) / (1 - 1/p): the serial share that would explain the speedup\n"
     "law, parameter, value: what was fitted, and its parameters",
     "", "analyze scaling experiments --baseline ddp1"},
    {"budget", "Where the mean step spends its time, and what it loses against the ideal step.",
     "wall: the step from start to end; the phases add up to it\n"
     "data, h2d: waiting for the loader; copies to the device\n"
     "forward, backward, optimizer: computing\n"
     "comm_exposed: communication that no computation covers\n"
     "bubble: a pipeline stage without input while nothing is in transit\n"
     "other, other %: what no phase accounts for, and its share of wall\n"
     "vs: the baseline\n"
     "ideal: the baseline's step, divided by the ranks under strong scaling\n"
     "lost: wall minus ideal; the columns after it add up to it\n"
     "compute: forward and backward\n"
     "comm_wait, comm_transfer: exposed communication, waiting for other ranks and the rest\n"
     "longer: what forward and backward take beyond their share of the baseline's; the columns after it add up to it\n"
     "smaller_batch: of that, because a rank has fewer samples; known if one rank ran with as many\n"
     "beside_comm: because communication runs at the same time; known if parallel.ablation no_comm ran\n"
     "instructions, per_cycle, frequency, kernel, waiting_for_core: by the counters of the compute threads, because\n"
     "of more instructions, fewer of them per cycle, a lower frequency, time in the kernel, waiting for a core\n"
     "too_many_threads, lower_clock, shared, unexplained: the rest, by what is known about cores and clocks; shared:\n"
     "memory and clock, which the ranks of a node share; unexplained: after the counters. If one of the first two is\n"
     "unknown, the rest includes it\n"
     "user ms, kernel ms, waiting for a core ms: of the compute threads of a rank in a step, summed\n"
     "preemptions, page faults, million instr./sample, instr./cycle, GHz: of the same; -: not counted, the notes say why",
     "", "analyze budget experiments"},
    {"overlap",
     "How long a step communicates, how much of that is hidden by computation, and which rank causes the "
     "waiting.",
     "total ms, hidden ms, exposed ms: communication time; the part hidden by computation; the rest\n"
     "hidden %: hidden divided by total\n"
     "transfer ms, waiting ms: time in collectives after all ranks have arrived, and before\n"
     "latency us, link GB/s: the link fitted to the run's own all-reduces\n"
     "rank, % of waiting, the late rank, differs in, its ms, others' ms: the rank that causes the waiting, "
     "and why\n"
     "bucket, MB, ready ms, start ms, end ms: a gradient bucket, since the backward pass began\n"
     "ms/step, without comm ms, trust: the step, without communication; which of the two measurements to "
     "trust\n"
     "exposed ms, events; by ablation: exposed communication by both methods\n"
     "compute slower %, comm alone ms, comm slower %: how much computation and communication slow each "
     "other down",
     "", "analyze overlap experiments"},
    {"pop", "Parallel efficiency as a product of factors, as defined by the POP centre.",
     "parallel: work divided by time, = load balance x communication\n"
     "load balance: mean work of the ranks divided by that of the busiest\n"
     "communication: work of the busiest rank divided by the step, = serialisation x transfer\n"
     "serialisation, transfer: the busiest rank's work divided by the step without transfer; the latter "
     "divided by the step\n"
     "work, mean; work, busiest rank; step without transfer; step: the underlying times",
     "", "analyze pop experiments"},
    {"convergence",
     "Time and samples to an accuracy. A launch that never reaches it counts as later than all others.",
     "target: the validation metric to reach (training.target)\n"
     "reached: launches that reach it\n"
     "training s, samples: until then, without evaluation\n"
     "S of it: the baseline's time to it divided by this one's\n"
     "stat. effic.: the baseline's samples to it divided by those here\n"
     "epoch, metric: the validation metric after each epoch",
     "", "analyze convergence experiments"},
    {"pipeline", "Bubbles of pipelines, compared with those that cannot be avoided.",
     "schedule, stages, micro-batches: of the pipeline\n"
     "measured: share of the time of a step's passes in which the ranks compute nothing\n"
     "of it transfer: while a message or a collective was in transit; the rest is idle\n"
     "equal stages: the bubble of the schedule if all stages took equal time\n"
     "these stages: the least bubble of any schedule with these stages, T >= (m-1) max t + sum t",
     "", "analyze pipeline experiments"},
    {"bandwidth", "What commbench measured.",
     "collective, bytes, repetitions: what was measured, and how often\n"
     "fastest us, median us, p95 us: over the repetitions, of the slowest rank\n"
     "algbw GB/s, busbw GB/s: bytes divided by time; what each link of an ideal ring carries\n"
     "#wrong: elements of results that were not exact\n"
     "fitted to, latency us, bandwidth GB/s, sizes: the fitted link",
     "", "analyze bandwidth bench"},
    {"validate", "Every check on every run, and the claims that are refused because of it.",
     "status, seed, used, findings: of each run\n"
     "refuses, found, first found in: of each check",
     "", "analyze validate experiments --strict"},
    {"diff", "What changed from the runs below A to those below B. Exit code 3 if a step has become longer.",
     "", "--threshold", "analyze diff before after --threshold 10"},
    {"predict",
     "Steps on other numbers of ranks. Each mode has its model: a ring, a parameter server, a pipeline, a "
     "grid. Refused\n"
     "where the model misses a measured group by more than 10 %; its miss is part of the intervals. More ranks on\n"
     "the one node that was measured, computing on CPUs: 'at least', as what they take from each other is not "
     "known.",
     "ranks, batch/rank: the configuration that is predicted\n"
     "ms/step: the step, of which exposed ms is transfer, waiting ms waiting for the slowest rank, or the "
     "bubble\n"
     "speedup, effic. %: against the baseline\n"
     "measured ms: the step, if this number of ranks was measured",
     "--ranks --link", "analyze predict experiments --ranks 8,64 --link 200Gb:2us"},
    {"advise", "What would help, most first, with the predicted gain.",
     "gain: samples per second with the change divided by those without\n"
     "same training: whether training computes the same numbers\n"
     "advice: the key to change",
     "--link", "analyze advise experiments"},
    {"trace", "One run as a trace for ui.perfetto.dev or chrome://tracing.", "", "--steps",
     "analyze trace experiments/RUN --steps 100:110 --output trace.json"},
    {"export", "The samples of all runs as one long table.", "", "--table",
     "analyze export csv experiments --table comm"},
    {"import",
     "Turns other programs' records into run files for all other verbs: traces of PyTorch's profiler (.json "
     "or .json.gz,\n"
     "one per rank), and the output of nccl-tests and of the OSU micro-benchmarks (.txt, .out, .log). For "
     "CSV and JSON files\n"
     "of results it says which claims they support. Without --strict none of this changes the exit code.",
     "run: the file that was written; or a run in a file of results\n"
     "steps, collectives, ms/step, exposed ms: of its traces, means over ranks and steps\n"
     "rows, epoch s: epochs in the file; the median of their times\n"
     "accuracy: of the last epoch\n"
     "apparent speedup: against the fastest run on one device in the same file or folder",
     "--into --model --data --batch --loss --mode --hardware --like --step-name --ranks --nodes",
     "analyze import traces/ --model resnet50 --batch 256"},
};

const VerbText& text_of(const Verb& verb) {
  return *std::find_if(std::begin(kTexts), std::end(kTexts),
                       [&](const VerbText& t) { return t.verb == verb.name; });
}

std::string indented(std::string_view lines) {
  std::string out = "  ";
  for (const char c : lines) out += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return out + "\n";
}

}  // namespace

std::string verb_help(const Verb& verb) {
  const VerbText& text = text_of(verb);
  const bool diff = verb.run == run_diff;
  std::string out = fmt::format("analyze {}: {}\n\nUsage: analyze {} {} [flags]\n\n{}\n", verb.name,
                                verb.about, verb.name, diff ? "A B" : "PATH...", text.shows);
  if (*text.columns) out += "\nColumns:\n" + indented(text.columns);
  std::string flags = text.flags;
  const bool prints_page = verb.tables || diff || verb.run == run_summary || verb.run == run_report;
  flags += " --format --output --strict";
  if (prints_page && !diff) flags += " --baseline";
  out += "\nFlags:\n" + flag_help(flags);
  return out + fmt::format("\nExample:\n  {}\n\nanalyze --help lists all verbs.\n", text.example);
}

}  // namespace lockstep
