// SPDX-License-Identifier: GPL-2.0-only
//
// A daemon that only talks: the real control server with canned answers, and the real vigilctl run against
// it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../support/temp_dir.hpp"
#include "edge/control/control_server.hpp"

namespace vigil::test {

struct Ran {
  int status = -1;  // exit status; 128 + the signal that ended it
  std::string out;
  std::string err;
};

class FakeDaemon {
 public:
  FakeDaemon();

  std::string socket() const { return dir_ / "control.sock"; }
  const std::string& folder() const { return dir_.path(); }
  // Answers each request; without it nothing is found.
  std::function<edge::Reply(const wire::Request&)> answer;
  // What was asked, as it came over the wire.
  std::vector<std::string> asked;
  edge::ControlServer& server() { return *server_; }

  // Runs vigilctl with these words and `--socket` before them. `meanwhile` is called again and again with
  // what it has printed so far; when it returns true the program gets Ctrl-C.
  Ran run(std::vector<std::string> words, const std::function<bool(const std::string& out)>& meanwhile = {});
  void stop() { server_.reset(); }

 private:
  TempDir dir_;
  loop::Loop loop_;
  std::unique_ptr<edge::ControlServer> server_;
};

// vigilctl alone.
Ran run_vigilctl(const std::vector<std::string>& words,
                 const std::function<bool(const std::string& out)>& meanwhile = {},
                 const std::string& folder = "/");

}  // namespace vigil::test
