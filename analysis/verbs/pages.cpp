#include "analysis/verbs/pages.hpp"

namespace lockstep {

namespace {

constexpr VerbPage kPages[] = {
    {Verb::scaling, scaling_page},         {Verb::budget, budget_page},
    {Verb::overlap, overlap_page},         {Verb::pop, pop_page},
    {Verb::convergence, convergence_page}, {Verb::pipeline, pipeline_page},
    {Verb::bandwidth, bandwidth_page},     {Verb::validate, validate_page},
    {Verb::predict, predict_page},         {Verb::advise, advise_page},
};

}  // namespace

std::span<const VerbPage> verb_pages() { return kPages; }

}  // namespace lockstep
