// SPDX-License-Identifier: GPL-2.0-only
//
// The one place where events meet what is known, and become actions. Pure: no clock, no system call, no log; the same
// events give the same actions, so a recording replays to the letter.
//
// The kernel half has already decided most of it by the time an event arrives here. What is left: to look closer where a
// rule asks for it, to carry a person's word into the kernel, to notice losses, and to tell whoever watches.
#pragma once

#include <cstdint>
#include <functional>

#include "core/action.hpp"
#include "core/event.hpp"
#include "core/model/process_table.hpp"
#include "core/policy/profiles/active.hpp"

namespace vigil {

// What a closer look at /proc adds to a verdict of the kernel.
struct Refinement {
  // A decision for `level`; absent: the kernel's stands.
  std::optional<Decision> decision;
  Level level = Level::image;
  std::uint32_t appid = 0;  // 0: nothing learnt
  std::uint16_t profile = 0;  // number of one that only a closer look could find
  std::string title;        // what people call it
};
using Refine = std::function<Refinement(const Process&, const ProcessFacts&)>;

class Engine {
 public:
  // `refine` is a pure function over the rule set in force; replaced with it.
  void set_refine(Refine refine) { refine_ = std::move(refine); }

  Actions step(const Event& event, std::uint64_t now);

  const ProcessTable& processes() const { return processes_; }
  const policy::ActiveProfiles& profiles() const { return profiles_; }

  struct Losses {
    std::uint64_t events = 0;
    std::uint64_t resyncs = 0;
  };
  const Losses& losses() const { return losses_; }

 private:
  void on(const TaskEvent& event, std::uint64_t now, Actions& out);
  void on(const CgroupEvent& event, std::uint64_t now, Actions& out);
  void on(const ProcessFacts& facts, std::uint64_t now, Actions& out);
  void on(const LostEvents& lost, std::uint64_t now, Actions& out);
  void on(const ResyncDone& done, std::uint64_t now, Actions& out);
  void on(const ClassRequest& request, std::uint64_t now, Actions& out);
  void on(const ProfileRequest& request, std::uint64_t now, Actions& out);
  void on(const LookAgain& again, std::uint64_t now, Actions& out);
  void note_profile(const ProcKey& key, std::uint16_t profile, const std::string& comm, Actions& out);
  void on(const DeviceOpened& opened, std::uint64_t now, Actions& out);
  void look_closer(Process& process, const ProcessFacts& facts, std::uint64_t now, Actions& out);
  void announce(const TaskEvent& event, Actions& out) const;

  ProcessTable processes_;
  policy::ActiveProfiles profiles_;
  Refine refine_;
  Losses losses_;
  std::uint64_t resyncing_ = 0;  // events that the running resync makes up for
};

}  // namespace vigil
