// SPDX-License-Identifier: GPL-2.0-only
#include "edge/files/folder_watch.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "edge/files/config_files.hpp"

using namespace vigil;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "vigil-watch-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void write(const std::string& name) const { std::ofstream(path_ + "/" + name) << "x"; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Runs the loop until `changed` has been called, or `patience` is over.
int changes_after(const std::function<void(const Folder&)>& act, std::chrono::milliseconds patience) {
  const Folder folder;
  auto loop = loop::Loop::create();
  REQUIRE(loop);
  int changes = 0;
  auto watch = edge::FolderWatch::create(*loop, {folder.path(), folder.path() + "/absent"}, [&] {
    ++changes;
    loop->stop();
  });
  REQUIRE(watch);
  auto end = loop::Timer::create(*loop, [&] { loop->stop(); });
  REQUIRE(end);
  end->arm(patience);
  act(folder);
  loop->run();
  return changes;
}

}  // namespace

TEST_CASE("folder watch: a burst of changes to rule files is told once") {
  CHECK(changes_after([](const Folder& folder) {
          folder.write("a.toml");
          folder.write("b.toml");
          std::filesystem::rename(folder.path() + "/a.toml", folder.path() + "/c.toml");
          std::filesystem::remove(folder.path() + "/b.toml");
        }, std::chrono::seconds(20)) == 1);
}

TEST_CASE("folder watch: a file saved by renaming counts, other files do not") {
  CHECK(changes_after([](const Folder& folder) {
          folder.write("a.tmp");
          std::filesystem::rename(folder.path() + "/a.tmp", folder.path() + "/a.toml");
        }, std::chrono::seconds(20)) == 1);
  CHECK(changes_after([](const Folder& folder) {
          folder.write("notes.txt");
          folder.write(".hidden.toml");
        }, std::chrono::milliseconds(600)) == 0);
}

TEST_CASE("rule folders: read in order, sorted by name, hidden and other files left out") {
  const Folder first, second;
  first.write("b.toml");
  first.write("a.toml");
  first.write("README.md");
  first.write(".c.toml");
  second.write("a.toml");
  const auto files = edge::read_rule_folders({first.path(), first.path() + "/absent", second.path()});
  REQUIRE(files);
  REQUIRE(files->size() == 3);
  CHECK((*files)[0].path == first.path() + "/a.toml");
  CHECK((*files)[1].path == first.path() + "/b.toml");
  CHECK((*files)[2].path == second.path() + "/a.toml");
  CHECK((*files)[0].layer == 0);
  CHECK((*files)[2].layer == 2);
}
