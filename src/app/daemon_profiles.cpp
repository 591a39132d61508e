// SPDX-License-Identifier: GPL-2.0-only
//
// Profiles: into the kernel, what a person chooses of them, and what is told of them.
#include <nlohmann/json.hpp>

#include "app/daemon.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "core/policy/cpu_sets.hpp"
#include "wire/profiles.hpp"

namespace vigil::app {

using edge::Reply;
using nlohmann::json;
using wire::ErrorCode;

namespace {

constexpr log::Logger kLog{"profiles"};
constexpr std::string_view kNone = "none";  // the profile that is none

__u32 operation(AssignProfile::Op op) {
  switch (op) {
    case AssignProfile::Op::choose: return VIGIL_ASSIGN_PROFILE;
    case AssignProfile::Op::automatic: return VIGIL_ASSIGN_AUTO;
    case AssignProfile::Op::settle: return VIGIL_ASSIGN_SETTLE;
    case AssignProfile::Op::matched: break;
  }
  return VIGIL_ASSIGN_MATCHED;
}

__u8 scope(AssignProfile::Scope scope) {
  switch (scope) {
    case AssignProfile::Scope::tree: return VIGIL_ASSIGN_TREE;
    case AssignProfile::Scope::all: return VIGIL_ASSIGN_ALL;
    case AssignProfile::Scope::process: break;
  }
  return VIGIL_ASSIGN_PROCESS;
}

policy::CpuSetId policy_set(policy::CpuPreference cpus) { return static_cast<policy::CpuSetId>(cpus); }

std::string list_of(const std::vector<policy::ProfileMatch>& matches) {
  std::string out;
  for (const auto& match : matches) out += (out.empty() ? "" : "; or ") + policy::describe(match);
  return out;
}

}  // namespace

void Daemon::install_profiles(const RuleBook& book) {
  std::vector<vigil_profile> table;
  for (std::size_t i = 0; i < book.profiles.size(); ++i) {
    const std::size_t number = book.profile_numbers[i];
    if (table.size() < number) table.resize(number);
    table[number - 1] = wire::encode_profile(book.profiles[i].settings);
  }
  classifier_->set_profiles(table);
}

bool Daemon::perform_profile(const Action& action) {
  if (!classifier_) return std::holds_alternative<AssignProfile>(action) || std::holds_alternative<ChooseForGames>(action);
  if (const auto* assign = std::get_if<AssignProfile>(&action)) {
    vigil_assign request{};
    request.key.tgid = assign->key.tgid;
    request.key.start_ns = assign->key.start_ns;
    request.op = operation(assign->op);
    request.scope = scope(assign->scope);
    request.profile = assign->profile;
    if (auto done = classifier_->assign(request); !done) kLog.warn("{}", done.error().message());
  } else if (const auto* choice = std::get_if<ChooseForGames>(&action)) {
    profile_for_games_ = choice->profile;
    classifier_->set_profile_for_games(choice->profile ? *choice->profile | VIGIL_PROFILE_MARK : 0);
  } else if (const auto* begins = std::get_if<ProfileBegins>(&action)) {
    const auto* profile = book_.profile(begins->profile);
    if (profile) kLog.info("profile {} is in force for {} (pid {})", profile->name, printable(begins->comm), begins->key.tgid);
    settle_mode();
  } else if (const auto* ends = std::get_if<ProfileEnds>(&action)) {
    if (const auto name = book_.profile_name(ends->profile); !name.empty()) kLog.info("profile {} ends: its last process has gone", name);
    settle_mode();
  } else {
    return false;
  }
  return true;
}

json Daemon::profile_settings(const policy::Profile& profile) const {
  const auto& settings = profile.settings;
  json out = json::object();
  if (!profile.title.empty()) out["title"] = profile.title;
  if (!profile.note.empty()) out["note"] = profile.note;
  if (!profile.match.empty()) out["match"] = list_of(profile.match);
  if (settings.klass) out["class"] = to_string(*settings.klass);
  if (settings.slice_us) out["slice_us"] = *settings.slice_us;
  if (settings.cpus) out["cpus"] = policy::to_string(*settings.cpus);
  if (settings.strict) out["strict"] = true;
  if (settings.smt != policy::SmtPreference::unset) out["smt"] = policy::to_string(settings.smt);
  if (settings.boost) out["boost"] = settings.boost;
  if (settings.mode) out["mode"] = *settings.mode;
  return out;
}

std::vector<std::string> Daemon::profile_notes(const policy::Profile& profile) const {
  std::vector<std::string> out;
  const auto& settings = profile.settings;
  if (!(scheduler_ && scheduler_->is_attached()) && (settings.cpus || settings.slice_us || settings.boost || settings.mode ||
                                                     settings.smt != policy::SmtPreference::unset))
    out.push_back("nothing is scheduled by Vigil now, so only its class has an effect");
  if (settings.cpus && *settings.cpus != policy::CpuPreference::any) {
    const auto set = policy::cpu_sets_of(machine_ ? machine_->topology() : topology::Topology())[policy_set(*settings.cpus)];
    if (set.empty())
      out.push_back("this machine has no '" + std::string(policy::to_string(*settings.cpus)) + "' CPUs beside others: it runs on any");
    else
      out.push_back("'" + std::string(policy::to_string(*settings.cpus)) + "' is CPUs " + set.to_string());
    if (!options_.scheduler.steer.value_or(true)) out.push_back("steer = false in vigil.toml: no CPUs are preferred");
  }
  if (settings.mode && tuning_ != wire::Mode::automatic)
    out.push_back("`vigilctl mode` is " + std::string(wire::to_string(tuning_)) + ", which comes before its mode");
  return out;
}

std::optional<std::string> Daemon::cpu_preference(const TaskVerdict& verdict, const std::optional<std::string>& near) const {
  const auto* profile = book_.profile(verdict.profile);
  const bool by_profile = profile && profile->settings.cpus;
  if (near && !by_profile) return near;
  if (!machine_ || !(scheduler_ && scheduler_->is_attached()) || !options_.scheduler.steer.value_or(true)) return std::nullopt;
  const auto sets = policy::cpu_sets_of(machine_->topology());
  const auto id = by_profile ? policy_set(*profile->settings.cpus)
                             : policy::places_of(sets, policy::wishes_of(mode_in_force())).classes[static_cast<std::size_t>(verdict.klass)];
  if (id == policy::CpuSetId::any || !sets.has(id)) return std::nullopt;
  return sets[id].to_string();
}

Reply Daemon::answer_profile(const wire::ProfileCall& call) {
  using Action = wire::ProfileCall::Action;
  if (!classifier_ && (call.action == Action::use || call.action == Action::automatic))
    return Reply::error(ErrorCode::unavailable, "profiles act through the BPF programs, and they do not run here");
  if (call.action == Action::use) return use_profile(call);
  if (call.action == Action::automatic) {
    ProfileRequest request;
    request.clear = true;
    handle(request);
    const auto& active = engine_.profiles().active();
    return Reply::ok({{"active", active.empty() ? json(nullptr) : json(book_.profile_name(active.back()))},
                      {"why", "each process has the profile that matches it"}});
  }
  if (call.action == Action::show) {
    const auto number = book_.profile_number(call.name);
    const auto* profile = number ? book_.profile(*number) : nullptr;
    if (!profile) {
      std::vector<std::string> known;
      for (const auto& each : book_.profiles) known.push_back(each.name);
      const auto near = nearest(call.name, known);
      return Reply::error(ErrorCode::not_found, "there is no profile '" + printable(call.name) + "'" +
                                                    (near ? "; did you mean '" + *near + "'?" : ""));
    }
    return Reply::ok({{"name", profile->name},
                      {"file", profile->file},
                      {"line", profile->line},
                      {"active", engine_.profiles().processes(*number) > 0},
                      {"processes", engine_.profiles().processes(*number)},
                      {"settings", profile_settings(*profile)},
                      {"here", profile_notes(*profile)}});
  }
  json list = json::array();
  for (std::size_t i = 0; i < book_.profiles.size(); ++i) {
    const auto& profile = book_.profiles[i];
    const auto processes = engine_.profiles().processes(book_.profile_numbers[i]);
    list.push_back({{"name", profile.name},
                    {"title", profile.title.empty() ? json(nullptr) : json(profile.title)},
                    {"file", profile.file},
                    {"active", processes > 0},
                    {"processes", processes}});
  }
  return Reply::ok({{"profiles", std::move(list)},
                    {"for_games", profile_for_games_ ? json(*profile_for_games_ ? book_.profile_name(*profile_for_games_) : std::string(kNone))
                                                     : json(nullptr)}});
}

Reply Daemon::use_profile(const wire::ProfileCall& call) {
  ProfileRequest request;
  if (call.name != kNone) {
    const auto number = book_.profile_number(call.name);
    if (!number) {
      wire::ProfileCall show = call;
      show.action = wire::ProfileCall::Action::show;
      return answer_profile(show);
    }
    request.profile = *number;
  }
  std::string why = "every game has it until `vigilctl profile auto`";
  if (call.pid) {
    const auto raw = classifier_->verdict(*call.pid);
    if (!raw) return Reply::error(ErrorCode::not_found, "there is no process " + std::to_string(*call.pid));
    request.key = ProcKey{raw->key.tgid, raw->key.start_ns};
    why = "process " + std::to_string(raw->key.tgid) + " and what it starts have it until they end, or `vigilctl profile auto`";
  }
  handle(request);
  return Reply::ok({{"active", request.profile ? json(call.name) : json(nullptr)}, {"why", why}});
}

void Daemon::report_profiles(wire::StatusReport& out) const {
  const auto& active = engine_.profiles();
  for (const auto number : active.active()) {
    const auto* profile = book_.profile(number);
    if (!profile) continue;
    out.profiles.push_back({profile->name, "it matches what runs", active.processes(number), profile->settings.mode});
    if (profile_for_games_ == number) out.profiles.back().why = "a person chose it for every game";
  }
  if (profile_for_games_) {
    auto name = *profile_for_games_ ? book_.profile_name(*profile_for_games_) : std::string(kNone);
    if (!name.empty()) out.profile_for_games = std::move(name);
  }
}

}  // namespace vigil::app
