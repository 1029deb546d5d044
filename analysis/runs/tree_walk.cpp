#include "analysis/runs/tree_walk.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

class Walk {
 public:
  explicit Walk(bool (*wanted)(const std::string&)) : wanted_(wanted) {}

  void add(const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) throw input_error("{}: no such file or folder", path);
    if (!fs::status_known(status)) throw input_error("{}: cannot be read: {}", path, error.message());
    if (!fs::is_directory(status)) return files_.push_back({path, true, fs::is_symlink(path, error)});
    pending_.emplace_back(path);
    // Not by recursion: a tree may be deeper than a stack.
    while (!pending_.empty()) {
      const fs::path folder = std::move(pending_.back());
      pending_.pop_back();
      search(folder, false);
    }
  }

  Tree result() {
    std::sort(notes_.begin(), notes_.end());
    note_links();
    keep_each_once();
    return {std::move(files_), std::move(notes_)};
  }

 private:
  void search(const fs::path& folder, bool by_link) {
    std::error_code error;
    fs::directory_iterator entry(folder, error), end;
    for (; !error && entry != end; entry.increment(error)) take(entry->path(), by_link);
    if (error) notes_.push_back(fmt::format("{}: cannot be searched: {}", folder.string(), error.message()));
  }

  void take(const fs::path& path, bool in_linked) {
    std::error_code error;
    const fs::file_type type = fs::symlink_status(path, error).type();
    if (type == fs::file_type::none)
      return notes_.push_back(fmt::format("{}: cannot be searched: {}", path.string(), error.message()));
    const bool is_link = type == fs::file_type::symlink;
    const fs::file_status status = fs::status(path, error);
    const bool is_wanted = wanted_(path.filename().string());
    if (is_link && !fs::exists(status)) {
      if (is_wanted || !in_linked)
        notes_.push_back(fmt::format("{}: a link that leads nowhere: {}", path.string(), error.message()));
      return;
    }
    if (fs::is_directory(status)) {
      if (is_wanted) notes_.push_back(fmt::format("{}: a folder, not a file", path.string()));
      if (in_linked) return;
      return is_link ? search_link(path) : pending_.push_back(path);
    }
    if (is_wanted) files_.push_back({path.string(), false, is_link || in_linked});
  }

  void search_link(const fs::path& folder) {
    const std::size_t before = files_.size();
    search(folder, true);
    if (files_.size() == before) barren_links_.push_back(folder.string());
  }

  void note_links() {
    if (barren_links_.empty()) return;
    std::sort(barren_links_.begin(), barren_links_.end());
    const std::size_t more = barren_links_.size() - 1;
    notes_.push_back(fmt::format(
        "{}{}: in a link to a folder only the folder itself is searched; give its path to search the "
        "folders below it too",
        barren_links_.front(), more ? fmt::format(" and {} more", more) : ""));
  }

  void keep_each_once() {
    std::sort(files_.begin(), files_.end(), [](const TreeFile& a, const TreeFile& b) {
      return std::tie(a.by_link, a.path) < std::tie(b.by_link, b.path);
    });
    std::map<std::pair<dev_t, ino_t>, std::string> seen;
    std::size_t again = 0;
    std::string first;
    std::erase_if(files_, [&](const TreeFile& file) {
      struct stat status {};
      if (stat(file.path.c_str(), &status) != 0) return false;
      const auto [known, fresh] = seen.try_emplace({status.st_dev, status.st_ino}, file.path);
      if (fresh) return false;
      if (++again == 1)
        first = known->second == file.path
                    ? fmt::format("{} was given more than once", file.path)
                    : fmt::format("{} is {} by another name", file.path, known->second);
      return true;
    });
    if (again == 1) notes_.push_back(first + ", and counts once");
    if (again > 1) notes_.push_back(fmt::format("{}, and counts once; so do {} more", first, again - 1));
    std::sort(files_.begin(), files_.end(),
              [](const TreeFile& a, const TreeFile& b) { return a.path < b.path; });
  }

  bool (*wanted_)(const std::string&);
  std::vector<fs::path> pending_;  // folders to search
  std::vector<std::string> barren_links_, notes_;
  std::vector<TreeFile> files_;
};

}  // namespace

Tree files_below(const std::vector<std::string>& paths, bool (*wanted)(const std::string& name)) {
  Walk walk(wanted);
  for (const std::string& path : paths) walk.add(path);
  return walk.result();
}

}  // namespace lockstep
