// SPDX-License-Identifier: GPL-2.0-only
#include "edge/files/config_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/unique_fd.hpp"

namespace vigil::edge {

namespace {
constexpr std::size_t kMaxFileBytes = 16U << 20;
constexpr std::size_t kMaxFiles = 10000;
}

Result<std::string> read_text_file(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_system("read " + path);
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system("read " + path);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kMaxFileBytes) return fail("read " + path + ": larger than 16 MiB");
  }
}

Result<std::vector<config::SourceFile>> read_rule_folders(const std::vector<std::string>& folders, config::Mistakes* unreadable) {
  std::vector<config::SourceFile> out;
  for (std::size_t layer = 0; layer < folders.size(); ++layer) {
    std::error_code error;
    std::vector<std::string> paths;
    std::filesystem::directory_iterator it(folders[layer], error), end;
    if (error == std::errc::no_such_file_or_directory) continue;
    while (!error && it != end) {
      const auto& path = it->path();
      if (path.extension() == ".toml" && path.filename().string().front() != '.') paths.push_back(path.string());
      it.increment(error);
    }
    if (error) return fail("read " + folders[layer] + ": " + error.message(), error.value());
    std::sort(paths.begin(), paths.end());
    for (auto& path : paths) {
      auto text = read_text_file(path);
      if (!text && unreadable && layer > 0) {
        unreadable->push_back({path, 0, 0, "cannot be taken: " + text.error().message()});
        continue;
      }
      if (!text) return fail(std::move(text).error());
      out.push_back({std::move(path), std::move(*text), static_cast<std::int32_t>(layer)});
    }
  }
  return out;
}

Result<std::vector<config::SourceFile>> read_ananicy_folder(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  std::filesystem::recursive_directory_iterator it(folder, error), end;
  if (error == std::errc::no_such_file_or_directory) return std::vector<config::SourceFile>{};
  while (!error && it != end) {
    const auto& path = it->path();
    const auto ending = path.extension();
    if ((ending == ".rules" || ending == ".types" || ending == ".cgroups") && path.filename().string().front() != '.' &&
        it->is_regular_file(error))
      paths.push_back(path.string());
    if (paths.size() > kMaxFiles) return fail("read " + folder + ": more than " + std::to_string(kMaxFiles) + " files");
    if (!error) it.increment(error);
  }
  if (error) return fail("read " + folder + ": " + error.message(), error.value());
  std::sort(paths.begin(), paths.end());
  std::vector<config::SourceFile> out;
  for (auto& path : paths) {
    auto text = read_text_file(path);
    if (!text) return fail(std::move(text).error());
    out.push_back({std::move(path), std::move(*text), -1});
  }
  return out;
}

std::vector<std::string> default_folders(const std::string& name) {
  std::error_code error;
  std::string builtin = "/usr/share/vigil/" + name;
  // A build tree: BUILD/program beside BUILD/meson-info, the source around it.
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  if (const auto source = folder / ".." / "tools" / name;
      !error && std::filesystem::is_directory(folder / "meson-info", error) && std::filesystem::is_directory(source, error))
    builtin = source.lexically_normal().string();
  return {builtin, "/etc/vigil/" + name};
}

}  // namespace vigil::edge
