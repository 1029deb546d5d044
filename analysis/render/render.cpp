#include "analysis/render/render.hpp"

namespace lockstep {

std::string render(const Page& page, Format format) {
  switch (format) {
    case Format::table:
      return render_text(page);
    case Format::json:
      return render_json(page);
    case Format::csv:
      return render_csv(page);
    case Format::md:
      return render_markdown(page);
    case Format::tex:
      return render_tex(page);
  }
  return "";
}

}  // namespace lockstep
