// What the rows of the registry load. Each is defined in the file of its format.
#pragma once

#include "data/dataset.hpp"

namespace lockstep {

DataSplits load_mnist(const RunConfig& config, int threads);
DataSplits load_fashion_mnist(const RunConfig& config, int threads);
DataSplits load_cifar10(const RunConfig& config, int threads);
DataSplits load_ag_news(const RunConfig& config, int threads);
DataSplits load_imdb(const RunConfig& config, int threads);
DataSplits load_multi30k(const RunConfig& config, int threads);
DataSplits load_text_file(const RunConfig& config, int threads);
DataSplits load_synthetic_images(const RunConfig& config, int threads);
DataSplits load_synthetic_text(const RunConfig& config, int threads);
DataSplits load_synthetic_tokens(const RunConfig& config, int threads);
DataSplits load_synthetic_pairs(const RunConfig& config, int threads);

// Error(bad_input) that names data.path, the folder and what belongs there, and how to get it, when there is
// no such folder.
void require_folder(const RunConfig& config, const std::string& folder, const std::string& content);
// The same for one of the files.
void require_file(const RunConfig& config, const std::string& file);
// The one of `file` and `file`.gz that exists, the first before the second.
std::string require_raw_or_gzip(const RunConfig& config, const std::string& file);
// Error(bad_input) when data.max_length leaves no room for a word between <bos> and <eos>.
void check_pair_length(const RunConfig& config);

}  // namespace lockstep
