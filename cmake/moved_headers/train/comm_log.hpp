// Moved to record/comm_log.hpp; this stays for programs that were written before.
#pragma once

#include "record/comm_log.hpp"
