// Style and script of the report's page.
#pragma once

namespace lockstep {

extern const char* const kHtmlStyle;
extern const char* const kHtmlScript;  // sorts tables; opens everything before printing

}  // namespace lockstep
