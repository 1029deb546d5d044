// Moved to record/step_columns.hpp; this stays for programs that were written before.
#pragma once

#include "record/step_columns.hpp"
