// Asks presage for suggestions: one question a line on standard input, one answer a line.
//
//   presage_driver PROFILE.xml
//
// First line out:  ready TAB database     or  error TAB code
// Question:        the text before the caret, without line feeds
// Answer:          ok TAB bytes of the half-typed word {TAB score TAB word}, best first
//                  or error TAB code
//
// presage offers no word twice while one word is typed, so its answer depends on what was asked
// before. To make it depend on the text alone, a question about a new place is preceded by the
// questions that typing the half-typed word would have asked: one at its start and one behind
// each of its bytes. Questions that follow the keys one by one cost one prediction each.

#include <presage.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace {

// A text that occurs in no question: presage takes whatever comes after it for a new place.
const char* const kElsewhere = "\x01";

class TextBefore : public PresageCallback {
   public:
    std::string text;

    std::string get_past_stream() const override { return text; }
    std::string get_future_stream() const override { return std::string(); }
};

class Desk {
   public:
    explicit Desk(const std::string& profile) : presage_(&before_, profile) {}

    std::string database() const {
        return presage_.config("Presage.Predictors.DefaultSmoothedNgramPredictor.DBFILENAME");
    }

    std::string answer(const std::string& text) {
        before_.text = text;
        const std::string::size_type typed = presage_.prefix().size();
        const std::string::size_type start = text.size() - typed;
        if (!follows(text, start)) {
            move_to(text.substr(0, start));
        }
        while (asked_.size() < text.size()) {
            ask(text.substr(0, asked_.size() + 1));
        }
        return "ok\t" + std::to_string(typed) + last_;
    }

   private:
    // Whether `text` is what was asked last with more of the same word typed, or the same.
    bool follows(const std::string& text, std::string::size_type start) const {
        return any_ && start == start_ && asked_.size() >= start &&
               text.compare(0, asked_.size(), asked_) == 0;
    }

    void move_to(const std::string& text) {
        before_.text = text;
        if (any_ && !presage_.context_change()) {
            ask(kElsewhere);
        }
        start_ = text.size();
        ask(text);
        any_ = true;
    }

    void ask(const std::string& text) {
        before_.text = text;
        const std::multimap<double, std::string> found =
            presage_.predict(std::vector<std::string>());
        last_.clear();
        // Highest score first; equal scores stay in the order in which presage lists them.
        for (auto end = found.end(); end != found.begin();) {
            const auto begin = found.lower_bound(std::prev(end)->first);
            for (auto each = begin; each != end; ++each) {
                char score[40];
                std::snprintf(score, sizeof score, "\t%.9g\t", each->first);
                last_ += score + each->second;
            }
            end = begin;
        }
        asked_ = text;
    }

    TextBefore before_;
    Presage presage_;
    std::string asked_;
    std::string last_;
    std::string::size_type start_ = 0;
    bool any_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: presage_driver PROFILE.xml\n";
        return 2;
    }
    try {
        Desk desk(argv[1]);
        std::cout << "ready\t" << desk.database() << std::endl;
        std::string text;
        while (std::getline(std::cin, text)) {
            try {
                std::cout << desk.answer(text) << std::endl;
            } catch (const PresageException& error) {
                std::cout << "error\t" << error.code() << std::endl;
            }
        }
    } catch (const PresageException& error) {
        std::cout << "error\t" << error.code() << std::endl;
        return 1;
    }
    return 0;
}
