// SPDX-License-Identifier: GPL-2.0-only
#include "edge/sysfs/attribute_guard.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include "../../support/temp_dir.hpp"
#include "../../support/unprivileged.hpp"

using namespace vigil;
using vigil::test::TempDir;
using vigil::test::Unprivileged;

namespace {

const std::string kHeader = "# scx_vigil: settings to put back, 1\n";

std::string whole(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
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
  std::string mode = folder.path() + "/amd_x3d_mode", notes = folder.path() + "/vigil.restore";
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
  std::ofstream(world.notes) << kHeader << world.mode << "\tfrequency\tcache\n";
  ::chmod(world.notes.c_str(), 0600);
  CHECK(world.guard()->recover().empty());
  CHECK(read(world.mode) == "frequency");
  CHECK_FALSE(exists(world.notes));
}

TEST_CASE("guard: notes of other files, with rubbish, or that anyone could have written are not believed") {
  World world;
  const auto other = world.folder.path() + "/shadow";
  write(other, "as written");
  std::ofstream(world.notes) << kHeader << other << "\tanything\tas written\n"
                             << world.folder.path() << "/../x/amd_x3d_mode\ta\tb\nrubbish\n\t\t\n";
  ::chmod(world.notes.c_str(), 0600);
  CHECK(world.guard()->recover().empty());
  CHECK(read(other) == "as written");

  write(world.mode, "cache");
  std::ofstream(world.notes) << kHeader << world.mode << "\tfrequency\tcache\n";
  ::chmod(world.notes.c_str(), 0666);
  CHECK(world.guard()->recover().size() == 1);
  CHECK(read(world.mode) == "cache");
  CHECK(exists(world.notes));
}

TEST_CASE("guard: a file of the notes' name that is none of ours is left alone, with a sentence, and then nothing is changed") {
  World world;
  const std::string text = "our backups\n" + world.mode + "\tcache\tfrequency\n";
  const auto other = world.folder.path() + "/other";
  SUBCASE("somebody else's words") {
    std::ofstream(world.notes) << text;
    ::chmod(world.notes.c_str(), 0600);
  }
  SUBCASE("nothing at all") {
    std::ofstream(world.notes) << "";
    ::chmod(world.notes.c_str(), 0600);
  }
  SUBCASE("a link to what could be believed") {
    std::ofstream(other) << kHeader << world.mode << "\tcache\tfrequency\n";
    ::chmod(other.c_str(), 0600);
    REQUIRE(::symlink(other.c_str(), world.notes.c_str()) == 0);
  }
  SUBCASE("a FIFO") { REQUIRE(::mkfifo(world.notes.c_str(), 0600) == 0); }
  struct stat before {}, after {};
  REQUIRE(::lstat(world.notes.c_str(), &before) == 0);
  const auto said_before = S_ISREG(before.st_mode) ? whole(world.notes) : "";
  {
    auto guard = world.guard();
    const auto said = guard->recover();
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("left alone") != std::string::npos);
    const auto refused = guard->set(world.mode, "cache");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("left alone") != std::string::npos);
    CHECK(guard->held().empty());
    CHECK(guard->restore_all().empty());
  }
  CHECK(read(world.mode) == "frequency");
  REQUIRE(::lstat(world.notes.c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  if (S_ISREG(before.st_mode)) CHECK(whole(world.notes) == said_before);
}

TEST_CASE("guard: a refusal after a success forgets nothing: what was there at first is put back") {
  World world;
  auto guard = world.guard();
  REQUIRE(guard->set(world.mode, "cache"));
  const auto noted = whole(world.notes);
  const auto refuse = [&](const std::string& path, mode_t mode, mode_t then) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    {
      Unprivileged obeys;
      REQUIRE(obeys.ok());
      CHECK_FALSE(guard->set(world.mode, "another"));
    }
    REQUIRE(::chmod(path.c_str(), then) == 0);
  };
  SUBCASE("the attribute refuses") { refuse(world.mode, 0444, 0644); }
  SUBCASE("the note cannot be written") { refuse(world.folder.path(), 0500, 0700); }
  REQUIRE(guard->held().size() == 1);
  CHECK(guard->held()[0].was == "frequency");
  CHECK(guard->held()[0].wrote == "cache");
  CHECK(read(world.mode) == "cache");
  CHECK(whole(world.notes) == noted);
  CHECK(guard->restore_all().size() == 1);
  CHECK(read(world.mode) == "frequency");
  CHECK_FALSE(exists(world.notes));
}

TEST_CASE("guard: what cannot be put back stays noted until it can") {
  World world;
  {
    auto guard = world.guard();
    REQUIRE(guard->set(world.mode, "cache"));
    REQUIRE(::chmod(world.mode.c_str(), 0444) == 0);
    Unprivileged obeys;
    REQUIRE(obeys.ok());
    CHECK_FALSE(guard->set(world.mode, std::nullopt));
    CHECK(guard->held().size() == 1);
    const auto said = guard->restore_all();
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("could not be put back") != std::string::npos);
    CHECK(guard->held().size() == 1);
    guard.reset();  // and once more at the end
    CHECK(exists(world.notes));
    CHECK(world.guard()->recover().size() == 1);
    CHECK(exists(world.notes));
  }
  CHECK(read(world.mode) == "cache");
  REQUIRE(::chmod(world.mode.c_str(), 0644) == 0);
  const auto away = world.folder.path() + "/offline";
  REQUIRE(::rename(world.mode.c_str(), away.c_str()) == 0);
  auto next = world.guard();
  CHECK(next->recover().size() == 1);
  CHECK(exists(world.notes));
  REQUIRE(::rename(away.c_str(), world.mode.c_str()) == 0);
  REQUIRE(next->set(world.mode, std::nullopt));
  CHECK(read(world.mode) == "frequency");
  CHECK(next->held().empty());
  CHECK_FALSE(exists(world.notes));
}

TEST_CASE("guard: no note outlives the last thing held, even if there was nothing to say") {
  World world;
  {
    auto guard = world.guard();
    REQUIRE(guard->set(world.mode, "cache"));
    write(world.mode, "frequency");  // a person's choice, and as it was found
    CHECK(guard->restore_all().empty());
    CHECK_FALSE(exists(world.notes));
  }
  write(world.mode, "cache");  // and another one later
  CHECK(world.guard()->recover().empty());
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
