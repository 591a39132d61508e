// SPDX-License-Identifier: GPL-2.0-only
//
// What to say of a word that is no class. Private to core/config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vigil::config {

std::vector<std::string> class_names();

// " (regular, gaming, …); did you mean 'gaming'?": all there are, and the one that was probably meant, by its letters or because
// the word is what other tools call it.
std::string class_choices(std::string_view word);

}  // namespace vigil::config
