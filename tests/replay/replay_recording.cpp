// SPDX-License-Identifier: GPL-2.0-only
//
// Replays a recording and prints the actions it leads to; with a golden file, compares.
//
//   replay_recording FILE.rec                        print
//   replay_recording FILE.rec FILE.actions           exit 1 and show the first difference where they are not the same
//   replay_recording FILE.rec FILE.actions --update-golden
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "wire/recording.hpp"

namespace {

std::optional<std::string> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int show_difference(std::string_view expected, std::string_view found) {
  const auto wanted = vigil::split(expected, '\n'), got = vigil::split(found, '\n');
  std::size_t line = 0;
  while (line < wanted.size() && line < got.size() && wanted[line] == got[line]) ++line;
  std::cout << "line " << line + 1 << " differs\n  expected: " << (line < wanted.size() ? wanted[line] : "(the end)")
            << "\n  found:    " << (line < got.size() ? got[line] : "(the end)")
            << "\nif the new actions are right: add --update-golden, and review the difference\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) return 2;
  const auto text = read_file(argv[1]);
  if (!text) {
    std::cout << "cannot read " << argv[1] << "\n";
    return 1;
  }
  const auto recording = vigil::wire::parse_recording(*text);
  if (!recording) {
    std::cout << argv[1] << ": " << recording.error().message() << "\n";
    return 1;
  }
  const auto actions = vigil::wire::describe_actions(*recording);
  if (argc == 2) {
    std::cout << actions;
    return 0;
  }
  if (argc == 4) {
    if (std::string_view(argv[3]) != "--update-golden") return 2;
    std::ofstream(argv[2], std::ios::binary) << actions;
    return 0;
  }
  const auto golden = read_file(argv[2]);
  if (!golden || golden->empty()) {
    std::cout << "cannot read " << argv[2] << ", or it is empty\n";
    return 1;
  }
  return *golden == actions ? 0 : show_difference(*golden, actions);
}
