// The classification task: mean cross-entropy, accuracy, the confusion matrix and what follows from it.
#pragma once

#include <string>
#include <vector>

#include "tasks/task.hpp"

namespace lockstep {

// Of one class. NaN where nothing is divided by nothing.
struct ClassScores {
  double precision = 0, recall = 0, f1 = 0;
  std::int64_t support = 0;  // samples of the class
};

// confusion: [classes, classes], rows are the true class. F1 is the harmonic mean of precision and recall,
// and 0 where no sample of the class was found.
std::vector<ClassScores> class_scores(const Matrix<std::int64_t>& confusion);

// A line a class, for the log. Without names, classes are numbered.
std::vector<std::string> class_table(const Matrix<std::int64_t>& confusion,
                                     const std::vector<std::string>& names);

}  // namespace lockstep
