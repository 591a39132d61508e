// SPDX-License-Identifier: GPL-2.0-only
#include "app/games.hpp"

#include <algorithm>

#include "core/classify/game_name.hpp"
#include "edge/procfs/cached_file.hpp"

namespace vigil::app {

namespace {

// Far more than anybody plays; what comes beyond has no name.
constexpr std::size_t kMostGames = 4096;

}  // namespace

void Games::on(const TaskEvent& event) {
  const auto& verdict = event.verdict;
  if (event.kind == Cause::exit) {
    games_.erase(verdict.key);
    return;
  }
  if (!event.leader) return;
  if (!verdict.is_game()) {
    games_.erase(verdict.key);
    return;
  }
  // A fork carries nothing new; a rename or a move neither, once the game is known.
  if (event.kind == Cause::fork || (event.kind != Cause::exec && games_.contains(verdict.key))) return;
  if (games_.size() >= kMostGames && !games_.contains(verdict.key)) return;
  auto& game = games_[verdict.key];
  if (game.appid != verdict.appid) game = {};
  game.appid = verdict.appid;
  // Every process of a game has its name; it is read for the first.
  auto known = verdict.appid ? title(0, verdict.appid) : std::nullopt;
  if (!known) known = look(verdict);
  if (known) game.title = std::move(known);
}

void Games::forget_all_but(const ProcessTable& known) {
  std::erase_if(games_, [&](const auto& game) { return !known.find(game.first); });
}

std::optional<std::string> Games::look(const TaskVerdict& verdict) const {
  const auto facts = reader_.read(verdict.key, {.environment = true, .cgroup = false});
  if (!facts.exists) return std::nullopt;
  if (const auto path = classify::steam_manifest(verdict.appid, facts.exe, facts.argv, facts.env); !path.empty())
    if (const auto text = edge::read_cached_file(proc_root_, verdict.key.tgid, path))
      if (auto name = classify::manifest_name(*text)) return name;
  return classify::game_name(facts.exe, facts.argv, facts.env);
}

const Games::Game* Games::find(std::uint32_t tgid) const {
  const std::pair<const ProcKey, Game>* youngest = nullptr;
  for (const auto& game : games_)
    if (game.first.tgid == tgid && (!youngest || game.first.start_ns > youngest->first.start_ns)) youngest = &game;
  return youngest ? &youngest->second : nullptr;
}

std::optional<std::string> Games::title(std::uint32_t tgid, std::uint32_t appid, std::uint32_t inherited_from) const {
  for (const auto one : {tgid, inherited_from})
    if (const auto* game = one ? find(one) : nullptr; game && game->title) return game->title;
  if (appid)
    for (const auto& [key, game] : games_)
      if (game.appid == appid && game.title) return game.title;
  return std::nullopt;
}

std::vector<Games::Running> Games::running() const {
  std::vector<const std::pair<const ProcKey, Game>*> all;
  for (const auto& game : games_) all.push_back(&game);
  std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) {
    return std::pair(a->first.start_ns, a->first.tgid) < std::pair(b->first.start_ns, b->first.tgid);
  });
  std::vector<Running> out;
  for (const auto* one : all) {
    const auto& game = one->second;
    const auto same = std::find_if(out.begin(), out.end(), [&](const Running& known) {
      return (game.appid && known.appid == game.appid) || (!game.appid && !known.appid && game.title && known.title == game.title);
    });
    if (same == out.end())
      out.push_back({one->first.tgid, game.appid, game.title});
    else if (!same->title)
      same->title = game.title;
  }
  return out;
}

}  // namespace vigil::app
