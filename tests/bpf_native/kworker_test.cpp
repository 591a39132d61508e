// SPDX-License-Identifier: GPL-2.0-only
//
// Whom a kernel worker serves (bpf/policy/kworker.h), compiled for the host.
#include "policy/kworker.h"

#include <doctest/doctest.h>

TEST_CASE("kworker: two wake-ups in a row by somebody prompt promote it, one does not") {
  __u8 score = 0;
  score = vigil_kworker_score(score, 1);
  CHECK_FALSE(vigil_kworker_promoted(score));
  score = vigil_kworker_score(score, 1);
  CHECK(vigil_kworker_promoted(score));
}

TEST_CASE("kworker: the promotion ends with the first wake-up by somebody else, and comes back as soon") {
  __u8 score = VIGIL_KWORKER_MOST;
  score = vigil_kworker_score(score, 0);
  CHECK_FALSE(vigil_kworker_promoted(score));
  CHECK(vigil_kworker_promoted(vigil_kworker_score(score, 1)));
}

TEST_CASE("kworker: a worker that serves anybody is not promoted for one in three") {
  __u8 score = 0;
  int promoted = 0;
  for (int i = 0; i < 300; i++) {
    score = vigil_kworker_score(score, i % 3 == 0);
    promoted += vigil_kworker_promoted(score);
  }
  CHECK(promoted == 0);
}

TEST_CASE("kworker: the score stays within its bounds") {
  __u8 score = 255;
  CHECK(vigil_kworker_score(score, 1) == VIGIL_KWORKER_MOST);
  for (int i = 0; i < 20; i++) score = vigil_kworker_score(score, 1);
  CHECK(score == VIGIL_KWORKER_MOST);
  for (int i = 0; i < 20; i++) score = vigil_kworker_score(score, 0);
  CHECK(score == 0);
}
