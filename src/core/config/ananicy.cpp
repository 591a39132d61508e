// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/ananicy.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/text.hpp"
#include "core/classify/compile.hpp"
#include "core/classify/names.hpp"

namespace vigil::config {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxTypes = 100;
constexpr std::size_t kMaxNames = 65536;  // of the kernel's table
constexpr std::size_t kMaxMistakes = 1000;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

struct KnownType {
  std::string_view name;
  std::optional<WorkloadClass> klass;
};

// Types whose name says more than their numbers; also what the usual ones mean where their *.types file is missing.
constexpr std::array<KnownType, 13> kKnownTypes = {{
    {"game", WorkloadClass::gaming},          {"lowlatency_rt", WorkloadClass::latency},  {"tests", std::nullopt},
    {"player-audio", WorkloadClass::interactive}, {"player-video", WorkloadClass::interactive},
    {"image-view", WorkloadClass::interactive},   {"doc-view", WorkloadClass::interactive}, {"chat", WorkloadClass::interactive},
    {"bg_cpuio", WorkloadClass::batch},       {"heavy_cpu", WorkloadClass::batch},        {"service", WorkloadClass::batch},
    {"compiler", WorkloadClass::batch},       {"in_diff", std::nullopt},
}};

struct Type {
  std::int64_t nice = 0;
  bool idle = false;  // by its policy, its I/O class or a quota
};

class Importer {
 public:
  Importer(const std::vector<SourceFile>& files, classify::RuleSet& into) : files_(files), into_(into) {}

  AnanicyImport run() {
    for (const auto* ending : {".cgroups", ".types", ".rules"})
      for (const auto& file : files_)
        if (file.path.ends_with(ending)) read(file, ending);
    names_.finish();
    out_.names = names_.size();
    into_.names = std::make_shared<const classify::NameTable>(std::move(names_));
    into_.finish();
    sort_by_place(out_.mistakes);
    return std::move(out_);
  }

 private:
  void read(const SourceFile& file, std::string_view ending) {
    std::uint32_t number = 0;
    for (const auto whole : split(file.text, '\n')) {
      ++number;
      const auto line = trim_space(whole);
      if (line.empty() || line.front() == '#') continue;
      // A remark may follow the object.
      const auto end = line.rfind('}');
      const auto rest = end == std::string_view::npos ? std::string_view() : trim_space(line.substr(end + 1));
      const auto object = rest.empty() || rest.front() != '#' ? line : line.substr(0, end + 1);
      const auto value = json::parse(object, nullptr, false);
      const auto mistake = [&](std::string message) {
        if (out_.mistakes.size() < kMaxMistakes) out_.mistakes.push_back({file.path, number, 1, std::move(message)});
      };
      if (!value.is_object()) {
        mistake("not a JSON object on one line: '" + printable(line.substr(0, 60)) + "'");
      } else if (ending == ".rules") {
        if (const auto why = rule(value); !why.empty()) mistake(why);
      } else if (ending == ".types") {
        if (const auto why = type(value); !why.empty()) mistake(why);
      } else if (const auto name = text(value, "cgroup"); name.empty()) {
        mistake("no \"cgroup\"");
      } else {
        quota_[name] = value.contains("CPUQuota") && value["CPUQuota"].is_number() && value["CPUQuota"].get<double>() > 0;
      }
    }
  }

  static std::string text(const json& object, const char* key) {
    const auto it = object.find(key);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  }

  std::string rule(const json& value) {
    auto name = text(value, "name");
    if (name.empty()) return "no \"name\"";
    if (name.find('/') != std::string::npos) return "'" + printable(name) + "' is a path; a name is looked for";
    if (name.size() >= classify::kComparedBytes)
      return "'" + printable(name) + "' is longer than the " + std::to_string(classify::kComparedBytes - 1) + " bytes that are compared";
    if (names_.size() >= kMaxNames) return "more than " + std::to_string(kMaxNames) + " names";
    if (value.contains("type") && !value["type"].is_string()) return "\"type\" must be a string";
    const auto id = rule_of(text(value, "type"));
    if (id == 0) ++out_.without;
    names_.add(name, id);
    return {};
  }

  std::string type(const json& value) {
    const auto name = text(value, "type");
    if (name.empty()) return "no \"type\"";
    Type out;
    if (const auto nice = value.find("nice"); nice != value.end()) {
      if (!nice->is_number_integer()) return "\"nice\" must be a whole number";
      out.nice = nice->get<std::int64_t>();
    }
    const auto policy = text(value, "sched"), io = text(value, "ioclass"), cgroup = text(value, "cgroup");
    const auto quota = quota_.find(cgroup);
    out.idle = policy == "idle" || policy == "batch" || io == "idle" || (quota != quota_.end() && quota->second);
    types_[lower(name)] = out;
    return {};
  }

  std::optional<WorkloadClass> class_of(const std::string& type) const {
    const auto name = lower(type);
    const auto known = std::find_if(kKnownTypes.begin(), kKnownTypes.end(), [&](const KnownType& one) { return one.name == name; });
    if (known != kKnownTypes.end()) return known->klass;
    const auto found = types_.find(name);
    if (found == types_.end()) return std::nullopt;
    if (found->second.idle || found->second.nice > 0) return WorkloadClass::batch;
    return found->second.nice < 0 ? std::optional(WorkloadClass::interactive) : std::nullopt;
  }

  // The rule that stands for a type; 0 for one that says nothing of a class. There are few types and thousands of names.
  std::uint16_t rule_of(const std::string& type) {
    if (const auto known = rules_.find(type); known != rules_.end()) return known->second;
    const auto klass = class_of(type);
    if (!klass || rules_.size() >= kMaxTypes || into_.rules.size() >= classify::kMaxRules) return 0;
    classify::Rule rule;
    rule.name = "ananicy:" + printable(type);
    rule.klass = klass;
    rule.kind = kind();
    rule.priority = 0;
    rule.layer = -1;  // below all that was written for us
    rule.file = "ananicy.d";
    rule.by_name = true;
    into_.rules.push_back(std::move(rule));
    const auto id = static_cast<std::uint16_t>(into_.rules.size());
    rules_.emplace(type, id);
    return id;
  }

  std::uint8_t kind() {
    const auto it = std::find(into_.kinds.begin(), into_.kinds.end(), "ananicy");
    if (it != into_.kinds.end()) return static_cast<std::uint8_t>(it - into_.kinds.begin());
    if (into_.kinds.size() >= 255) return 0;
    into_.kinds.emplace_back("ananicy");
    return static_cast<std::uint8_t>(into_.kinds.size() - 1);
  }

  const std::vector<SourceFile>& files_;
  classify::RuleSet& into_;
  AnanicyImport out_;
  classify::NameTable names_;
  std::unordered_map<std::string, std::uint16_t> rules_;  // by type as written
  std::map<std::string, Type> types_;
  std::map<std::string, bool> quota_;
};

}  // namespace

AnanicyImport import_ananicy(const std::vector<SourceFile>& files, classify::RuleSet& into) {
  return Importer(files, into).run();
}

}  // namespace vigil::config
