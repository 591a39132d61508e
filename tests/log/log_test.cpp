// SPDX-License-Identifier: GPL-2.0-only
//
// What reaches stderr: each case runs the log with stderr sent to a file, and looks at the file.
#include "log/log.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/unique_fd.hpp"

namespace vlog = vigil::log;
using vigil::UniqueFd;

namespace {

// stderr goes to a memory file while this lives.
class Captured {
 public:
  Captured() : file_(memfd_create("stderr", MFD_CLOEXEC)), saved_(dup(STDERR_FILENO)) {
    dup2(file_.get(), STDERR_FILENO);
  }
  ~Captured() { dup2(saved_.get(), STDERR_FILENO); }
  std::string text() const {
    std::string bytes(65536, '\0');
    const ssize_t got = pread(file_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

 private:
  UniqueFd file_;
  UniqueFd saved_;
};

std::string written(vlog::Level level, vlog::Style style, const std::function<void()>& speak) {
  Captured captured;
  vlog::start(level, style);
  speak();
  vlog::flush();
  return captured.text();
}

constexpr vlog::Logger logger{"test"};

}  // namespace

TEST_CASE("log: the journal gets a priority and no time, on every line") {
  const auto text = written(vlog::Level::debug, vlog::Style::journal, [] {
    logger.debug("looked at {}", 4242);
    logger.info("attached in {} ms", 12);
    logger.warn("no BTF");
    logger.error("ejected:\nrunnable task stall");
  });
  CHECK(text ==
        "<7>test: looked at 4242\n<6>test: attached in 12 ms\n<4>test: no BTF\n"
        "<3>test: ejected:\n<3>test: runnable task stall\n");
}

TEST_CASE(
    "log: elsewhere a line has a short time, its level in words, and no colour when it is not a terminal") {
  const auto text = written(vlog::Level::info, vlog::Style::terminal, [] { logger.warn("no BTF"); });
  REQUIRE(text.size() > 13);
  CHECK(text[2] == ':');
  CHECK(text[8] == '.');
  CHECK(text.substr(12) == " warning test: no BTF\n");
}

TEST_CASE("log: what is below the level is not written, and `off` writes nothing") {
  CHECK(written(vlog::Level::warn, vlog::Style::journal, [] { logger.info("quiet"); }).empty());
  CHECK(written(vlog::Level::off, vlog::Style::journal, [] { logger.error("quiet"); }).empty());
}

TEST_CASE("log: repeats with different values are one message, and the ones left out are counted") {
  const auto text = written(vlog::Level::info, vlog::Style::journal, [] {
    for (int i = 0; i < 30; ++i) logger.warn("client {} reads too slowly", i);
  });
  CHECK(text.find("client 9 reads") != std::string::npos);
  CHECK(text.find("<4>test: client 10 reads") == std::string::npos);
  CHECK(text.find("<6>test: 20 more like this were not shown, the last: client 29 reads too slowly\n") !=
        std::string::npos);
}

TEST_CASE("log: a text made elsewhere may hold braces") {
  const auto text = written(vlog::Level::info, vlog::Style::journal,
                            [] { logger.message(vlog::Level::warn, "libbpf: {bad} %s"); });
  CHECK(text == "<4>test: libbpf: {bad} %s\n");
}

TEST_CASE("log: the journal is recognised by the stream's device and inode") {
  UniqueFd file(memfd_create("stream", MFD_CLOEXEC));
  struct stat st {};
  REQUIRE(fstat(file.get(), &st) == 0);
  const auto name = std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
  CHECK(vlog::is_journal_stream(name.c_str(), file.get()));
  CHECK_FALSE(vlog::is_journal_stream((name + "1").c_str(), file.get()));
  CHECK_FALSE(vlog::is_journal_stream("nonsense", file.get()));
  CHECK_FALSE(vlog::is_journal_stream(nullptr, file.get()));
}

TEST_CASE("log: level names") {
  CHECK(vlog::parse_level("debug") == vlog::Level::debug);
  CHECK(vlog::parse_level("warning") == vlog::Level::warn);
  CHECK_FALSE(vlog::parse_level("loud"));
}
