// Moved to record/current_stream.hpp; this stays for programs that were written before.
#pragma once

#include "record/current_stream.hpp"
