// Moved to train/learning_rate_schedule.hpp; this stays for programs that were written before.
#pragma once

#include "train/learning_rate_schedule.hpp"
