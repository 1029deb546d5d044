// The formats in which analyze prints.
#pragma once

namespace lockstep {

enum class Format { table, json, csv, md, tex };

}  // namespace lockstep
