// SPDX-License-Identifier: GPL-2.0-only
#include "wire/recording.hpp"

#include <nlohmann/json.hpp>

#include "abi.h"
#include "base/text.hpp"
#include "wire/records.hpp"

namespace vigil::wire {

using nlohmann::json;

namespace {

constexpr int kVersion = 2, kOldest = 1;

std::string line_of(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string to_hex(std::span<const std::byte> bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    out += kHex[std::to_integer<unsigned>(byte) >> 4];
    out += kHex[std::to_integer<unsigned>(byte) & 15];
  }
  return out;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  if (text.size() % 2) return std::nullopt;
  std::vector<std::byte> out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto value = parse_number<unsigned>(text.substr(i, 2), 16);
    if (!value) return std::nullopt;
    out.push_back(static_cast<std::byte>(*value));
  }
  return out;
}

std::vector<std::string> texts(const json& object, const char* key) {
  std::vector<std::string> out;
  if (const auto it = object.find(key); it != object.end() && it->is_array())
    for (const auto& item : *it)
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

template <typename T>
T number(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? it->get<T>() : T{};
}

// "" where there is none, or it is of another kind.
std::string word(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

json refined_json(const Refinement& refined) {
  json out = json::object();
  if (refined.decision) {
    const auto& decision = *refined.decision;
    out["level"] = static_cast<unsigned>(refined.level);
    out["decision"] = {{"rule", decision.rule}, {"class", to_string(decision.klass)}, {"kind", decision.kind}, {"flags", decision.flags}};
  }
  if (refined.appid) out["appid"] = refined.appid;
  if (refined.profile) out["profile"] = refined.profile;
  if (!refined.title.empty()) out["title"] = refined.title;
  return out;
}

Refinement parse_refined(const json& object) {
  Refinement out;
  if (const auto it = object.find("decision"); it != object.end() && it->is_object()) {
    Decision decision;
    decision.rule = number<std::uint32_t>(*it, "rule");
    decision.klass = parse_workload_class(word(*it, "class")).value_or(WorkloadClass::regular);
    decision.kind = number<std::uint8_t>(*it, "kind");
    decision.flags = number<std::uint8_t>(*it, "flags");
    decision.source = Source::daemon;
    out.decision = decision;
    if (const auto level = number<unsigned>(object, "level"); level < kLevelCount) out.level = static_cast<Level>(level);
  }
  out.appid = number<std::uint32_t>(object, "appid");
  out.profile = number<std::uint16_t>(object, "profile");
  out.title = word(object, "title");
  return out;
}

Result<RecordedEvent> parse_line(const json& object) {
  RecordedEvent out;
  out.now_ns = number<std::uint64_t>(object, "now");
  if (const auto it = object.find("record"); it != object.end() && it->is_string()) {
    const auto bytes = from_hex(it->get_ref<const std::string&>());
    if (!bytes) return fail("a record that is not hexadecimal");
    auto event = decode(*bytes);
    if (!event) return fail(std::move(event).error());
    out.event = std::move(*event);
    return out;
  }
  if (object.contains("lost")) {
    out.event = LostEvents{number<std::uint64_t>(object, "lost")};
    return out;
  }
  if (const auto it = object.find("facts"); it != object.end() && it->is_object()) {
    ProcessFacts facts;
    facts.key = ProcKey{number<std::uint32_t>(*it, "tgid"), number<std::uint64_t>(*it, "start_ns")};
    const auto exists = it->find("exists");
    facts.exists = exists != it->end() && exists->is_boolean() && exists->get<bool>();
    facts.exe = word(*it, "exe");
    out.event = std::move(facts);
    if (const auto refined = object.find("refined"); refined != object.end() && refined->is_object())
      out.refined = parse_refined(*refined);
    return out;
  }
  return fail("neither a record, nor facts, nor a loss");
}

std::string name_of(const std::vector<std::string>& names, std::uint32_t id, std::uint32_t base) {
  return id >= base && id - base < names.size() ? names[id - base] : std::string();
}

}  // namespace

std::string format_header(const RecordingHeader& header) {
  return line_of({{"vigil_recording", kVersion},
                  {"abi", VIGIL_ABI_VERSION},
                  {"rules", header.rules},
                  {"kinds", header.kinds},
                  {"atoms", header.atoms},
                  {"profiles", header.profiles}});
}

std::string format_record(std::uint64_t now_ns, std::span<const std::byte> record) {
  return line_of({{"now", now_ns}, {"record", to_hex(record)}});
}

std::string format_facts(std::uint64_t now_ns, const ProcessFacts& facts, const Refinement& refined) {
  return line_of({{"now", now_ns},
                  {"facts",
                   {{"tgid", facts.key.tgid}, {"start_ns", facts.key.start_ns}, {"exists", facts.exists}, {"exe", facts.exe}}},
                  {"refined", refined_json(refined)}});
}

std::string format_lost(std::uint64_t now_ns, std::uint64_t count) {
  return line_of({{"now", now_ns}, {"lost", count}});
}

Result<Recording> parse_recording(std::string_view text) {
  Recording out;
  std::size_t number_of_line = 0;
  for (const auto line : split(text, '\n')) {
    ++number_of_line;
    if (trim_space(line).empty()) continue;
    const auto where = "line " + std::to_string(number_of_line);
    const auto object = json::parse(line, nullptr, false);
    if (!object.is_object()) return fail(where + ": not a JSON object");
    if (number_of_line == 1) {
      const auto version = number<int>(object, "vigil_recording"), abi = number<int>(object, "abi");
      if (version == 0) return fail(where + ": not a recording");
      if (version < kOldest || version > kVersion)
        return fail(where + ": a recording of version " + std::to_string(version) + "; this program reads " + std::to_string(kOldest) +
                    " to " + std::to_string(kVersion));
      if (abi < VIGIL_ABI_OLDEST || abi > VIGIL_ABI_VERSION)
        return fail(where + ": its records are of version " + std::to_string(abi) + "; this program reads " +
                    std::to_string(VIGIL_ABI_OLDEST) + " to " + std::to_string(VIGIL_ABI_VERSION));
      out.header = {texts(object, "rules"), texts(object, "kinds"), texts(object, "atoms"), texts(object, "profiles")};
      continue;
    }
    auto event = parse_line(object);
    if (!event) return fail(std::move(event).error().in(where));
    out.events.push_back(std::move(*event));
  }
  if (number_of_line == 0 || out.header.kinds.empty()) return fail("line 1: not a recording");
  return out;
}

std::string RecordingHeader::profile_name(std::uint16_t profile) const { return name_of(profiles, profile, 1); }

std::string RecordingHeader::rule_name(std::uint32_t rule, std::uint16_t profile) const {
  if (rule == kRuleUser) return "user";
  if (rule != kRuleProfile) return name_of(rules, rule, 1);
  const auto name = profile_name(profile);
  return name.empty() ? std::string() : "profile:" + name;
}

Replay::Replay() {
  engine_.set_refine([this](const Process&, const ProcessFacts&) {
    return now_ && now_->refined ? *now_->refined : Refinement{};
  });
}

Actions Replay::step(const RecordedEvent& event) {
  now_ = &event;
  auto actions = engine_.step(event.event, event.now_ns);
  now_ = nullptr;
  return actions;
}

std::string describe_actions(const Recording& recording) {
  Replay replay;
  std::string out;
  const auto& header = recording.header;
  const auto show = [&](const Action& action) {
    if (const auto* verdict = std::get_if<PublishVerdict>(&action)) {
      const auto rule = header.rule_name(verdict->rule, verdict->profile);
      const auto profile = header.profile_name(verdict->profile);
      const auto kind = name_of(header.kinds, verdict->kind, 0);
      return "verdict " + std::to_string(verdict->pid) + " " + printable(verdict->comm) + ": " +
             std::string(to_string(verdict->klass)) + (kind.empty() ? "" : " (" + kind + ")") +
             (rule.empty() ? "" : " by " + rule) +
             (verdict->appid ? ", Steam app " + std::to_string(verdict->appid) : "") +
             (profile.empty() ? "" : ", profile " + profile);
    }
    if (const auto* begins = std::get_if<ProfileBegins>(&action)) return "profile " + header.profile_name(begins->profile) + " begins";
    if (const auto* ends = std::get_if<ProfileEnds>(&action)) return "profile " + header.profile_name(ends->profile) + " ends";
    if (const auto* profile = std::get_if<AssignProfile>(&action))
      return "assign " + std::to_string(profile->key.tgid) + ": profile " + header.profile_name(profile->profile);
    if (const auto* read = std::get_if<ReadProcess>(&action)) return "read process " + std::to_string(read->key.tgid);
    if (const auto* assign = std::get_if<AssignClass>(&action))
      return "assign " + std::to_string(assign->key.tgid) + ": " + std::string(to_string(assign->decision.klass));
    if (const auto* resync = std::get_if<Resync>(&action)) return "resync after " + std::to_string(resync->lost) + " lost";
    if (const auto* lost = std::get_if<PublishLost>(&action))
      return "lost " + std::to_string(lost->count) + (lost->resynced ? ", resynced" : "");
    if (const auto* announce = std::get_if<Announce>(&action)) return "say: " + announce->text;
    return std::string();
  };
  for (const auto& event : recording.events) {
    for (const auto& action : replay.step(event))
      if (const auto text = show(action); !text.empty()) out += text + "\n";
  }
  return out;
}

}  // namespace vigil::wire
