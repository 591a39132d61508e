// SPDX-License-Identifier: GPL-2.0-only
//
// The games that run, by the name people know them by. A name is looked up once, in answer to the event that told of the game, in what
// its process carries and in Steam's own file about it, if that is in memory (core/classify/game_name.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/event.hpp"
#include "core/model/process_table.hpp"
#include "edge/procfs/process_reader.hpp"

namespace vigil::app {

class Games {
 public:
  // `reader` outlives this.
  Games(const edge::ProcessReader& reader, std::string proc_root) : reader_(reader), proc_root_(std::move(proc_root)) {}

  void on(const TaskEvent& event);
  // After a look at all processes: those that are not among them have ended unheard.
  void forget_all_but(const ProcessTable& known);

  // Of a process, or of the game it belongs to: by its own entry, its AppID, or whom it inherited from. Absent: unknown.
  std::optional<std::string> title(std::uint32_t tgid, std::uint32_t appid, std::uint32_t inherited_from = 0) const;

  // One entry a game, in the order of their processes' start.
  struct Running {
    std::uint32_t pid = 0;    // of its first process that was told of
    std::uint32_t appid = 0;  // 0 unknown
    std::optional<std::string> title;
  };
  std::vector<Running> running() const;

 private:
  struct Game {
    std::uint32_t appid = 0;
    std::optional<std::string> title;
  };
  std::optional<std::string> look(const TaskVerdict& verdict) const;
  const Game* find(std::uint32_t tgid) const;

  const edge::ProcessReader& reader_;
  std::string proc_root_;
  std::unordered_map<ProcKey, Game> games_;
};

}  // namespace vigil::app
