// Moved to record/run_folder.hpp; this stays for programs that were written before.
#pragma once

#include "record/run_folder.hpp"
