// SPDX-License-Identifier: GPL-2.0-only
#include "edge/sysfs/attribute_guard.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "../../support/temp_dir.hpp"

using namespace vigil;
using vigil::test::TempDir;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}
void write(const std::string& path, const std::string& text) { std::ofstream(path) << text << '\n'; }
bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

struct World {
  TempDir folder;
  std::string mode = folder.path() + "/amd_x3d_mode", notes = folder.path() + "/restore";
  World() { write(mode, "frequency"); }
  std::unique_ptr<AttributeGuard> guard() const {
    return std::make_unique<AttributeGuard>(notes, std::vector<std::string>{"amd_x3d_mode"});
  }
};

}  // namespace

TEST_CASE("guard: what was changed is put back when the guard goes, and the notes with it") {
  World world;
  {
    auto guard = world.guard();
    REQUIRE(guard->set(world.mode, "cache"));
    CHECK(read(world.mode) == "cache");
    CHECK(exists(world.notes));
    struct stat status {};
    REQUIRE(::stat(world.notes.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  CHECK(read(world.mode) == "frequency");
  CHECK_FALSE(exists(world.notes));
}

TEST_CASE("guard: what somebody else has changed since is theirs") {
  World world;
  auto guard = world.guard();
  REQUIRE(guard->set(world.mode, "cache"));
  write(world.mode, "another");
  const auto said = guard->restore_all();
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("somebody changed it") != std::string::npos);
  CHECK(read(world.mode) == "another");
}

TEST_CASE("guard: a wish taken back puts back at once; the same wish twice writes once") {
  World world;
  auto guard = world.guard();
  REQUIRE(guard->set(world.mode, "cache"));
  REQUIRE(guard->set(world.mode, "cache"));
  REQUIRE(guard->set(world.mode, "frequency"));
  REQUIRE(guard->set(world.mode, std::nullopt));
  CHECK(read(world.mode) == "frequency");
  CHECK(guard->held().empty());
  CHECK_FALSE(exists(world.notes));
}

TEST_CASE("guard: what a life that was killed left behind, the next puts back") {
  World world;
  auto* killed = world.guard().release();
  REQUIRE(killed->set(world.mode, "cache"));
  auto next = world.guard();
  const auto said = next->recover();
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("'frequency' again") != std::string::npos);
  CHECK(read(world.mode) == "frequency");
  CHECK_FALSE(exists(world.notes));
  CHECK(next->recover().empty());
  write(world.mode, "cache");
  delete killed;  // finds nothing as it left it, or puts back: either way the file it notes is gone
}

TEST_CASE("guard: killed between the note and the write is no harm") {
  World world;
  std::ofstream(world.notes) << world.mode << "\tfrequency\tcache\n";
  ::chmod(world.notes.c_str(), 0600);
  CHECK(world.guard()->recover().empty());
  CHECK(read(world.mode) == "frequency");
}

TEST_CASE("guard: notes of other files, with rubbish, or that anyone could have written are not believed") {
  World world;
  const auto other = world.folder.path() + "/shadow";
  write(other, "as written");
  std::ofstream(world.notes) << other << "\tanything\tas written\n"
                             << world.folder.path() << "/../x/amd_x3d_mode\ta\tb\nrubbish\n\t\t\n";
  ::chmod(world.notes.c_str(), 0600);
  CHECK(world.guard()->recover().empty());
  CHECK(read(other) == "as written");

  write(world.mode, "cache");
  std::ofstream(world.notes) << world.mode << "\tfrequency\tcache\n";
  ::chmod(world.notes.c_str(), 0666);
  CHECK(world.guard()->recover().size() == 1);
  CHECK(read(world.mode) == "cache");
}

TEST_CASE("guard: a setting that may not be changed, is not there, or refuses, is an error and no note") {
  World world;
  auto guard = world.guard();
  CHECK_FALSE(guard->set(world.folder.path() + "/other", "cache"));
  CHECK_FALSE(guard->set(world.folder.path() + "/none/amd_x3d_mode", "cache"));
  CHECK_FALSE(guard->set(world.mode, "two\nlines"));
  CHECK(guard->held().empty());
  CHECK_FALSE(exists(world.notes));
}
