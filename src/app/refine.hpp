// SPDX-License-Identifier: GPL-2.0-only
//
// The daemon's second thoughts about a process that a rule asked to look at closer: a VM's kind, a Windows program's name, and
// the rules that only a whole path or a full pattern can decide.
#pragma once

#include "app/rule_book.hpp"
#include "core/engine/engine.hpp"

namespace vigil::app {

// `book` is borrowed for as long as the function lives; what it holds may be replaced meanwhile.
Refine refine_by(const RuleBook& book);

}  // namespace vigil::app
