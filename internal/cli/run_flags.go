package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// option is one option of `kedro run`.
type option struct {
	param   string // Kedro's name of the parameter: keys of a --config file, texts of errors
	flag    string
	short   string // one letter, or two where Kedro has two
	takes   string // what the value is, for the help; "" is a switch
	help    string
	ofOwner bool // belongs to the worker: submit refuses it
}

// runOptions are the options of `kedro run` in the order Kedro declares them,
// which is the order values from a --config file are looked at.
func runOptions() []option {
	return []option{
		{param: "from_inputs", flag: "from-inputs", takes: "datasets", help: "start at the nodes that need these datasets"},
		{param: "to_outputs", flag: "to-outputs", takes: "datasets", help: "end at the nodes that give these datasets"},
		{param: "from_nodes", flag: "from-nodes", takes: "nodes", help: "start at these nodes"},
		{param: "to_nodes", flag: "to-nodes", takes: "nodes", help: "end at these nodes"},
		{param: "node_names", flag: "nodes", short: "n", takes: "nodes", help: "run only these nodes"},
		{param: "runner", flag: "runner", short: "r", takes: "name", help: "runner: SequentialRunner, ThreadRunner, ParallelRunner (default: the project's)"},
		{param: "is_async", flag: "async", help: "deprecated: load and save in threads; use --runner-params is_async=true"},
		{param: "runner_params", flag: "runner-params", takes: "key=value,...", help: "arguments of the runner, such as max_workers=4"},
		{param: "env", flag: "env", short: "e", takes: "name", help: "not here: the environment belongs to the worker", ofOwner: true},
		{param: "tags", flag: "tags", short: "t", takes: "tags", help: "run only nodes with any of these tags; the last --tags counts"},
		{param: "load_versions", flag: "load-versions", short: "lv", takes: "dataset:version,...", help: "versions to load"},
		{param: "pipeline", flag: "pipeline", short: "p", takes: "name", help: "deprecated: use --pipelines"},
		{param: "pipelines", flag: "pipelines", takes: "names", help: "pipelines to run (default: __default__)"},
		{param: "namespaces", flag: "namespaces", short: "ns", takes: "names", help: "run only nodes of these namespaces"},
		{param: "config", flag: "config", short: "c", takes: "file", help: "YAML file whose section run gives defaults of these options"},
		{param: "conf_source", flag: "conf-source", takes: "path", help: "not here: the configuration belongs to the worker", ofOwner: true},
		{param: "params", flag: "params", takes: "key=value,...", help: "runtime parameters; dots nest, values are YAML: a.b=1,c=true"},
		{param: "only_missing_outputs", flag: "only-missing-outputs", help: "skip nodes whose outputs exist already"},
	}
}

// RunFlags are the flags of `kedro run` on a flag set. Parse the set with the
// words that [Words] gives, then call [RunFlags.Args].
type RunFlags struct {
	// Number replaces every {n} in --params, for a row of runs that differ by
	// their number. Defaults to leaving the text as it is.
	Number string

	options []option
	given   map[string]string // parameter -> last text on the command line
	order   []string          // parameters by first appearance: the order Kedro looks at them
}

// AddRunFlags defines the flags of `kedro run` on set.
func AddRunFlags(set *pflag.FlagSet) *RunFlags {
	flags := &RunFlags{options: runOptions(), given: map[string]string{}}
	for _, opt := range flags.options {
		short, help := opt.short, opt.help
		if len(short) == 2 { // pflag knows one letter only; see Words
			short, help = "", help+" (short: -"+opt.short+")"
		}
		flag := set.VarPF(&givenValue{flags: flags, param: opt.param, takes: opt.takes}, opt.flag, short, help)
		if opt.takes == "" {
			flag.NoOptDefVal = "true"
		}
	}
	return flags
}

// Numbered is text with {n} replaced by Number.
func (f *RunFlags) Numbered(text string) string {
	if f.Number == "" {
		return text
	}
	return strings.ReplaceAll(text, "{n}", f.Number)
}

var errTakesNoValue = errors.New("this option does not take a value")

// givenValue notes what one flag was given. Nothing is judged here, because
// Kedro judges in an order of its own once all words are read.
type givenValue struct {
	flags        *RunFlags
	param, takes string
}

// Set notes the text; the last one counts.
func (v *givenValue) Set(text string) error {
	if v.takes == "" && text != "true" {
		return errTakesNoValue
	}
	if !slices.Contains(v.flags.order, v.param) {
		v.flags.order = append(v.flags.order, v.param)
	}
	v.flags.given[v.param] = text
	return nil
}

// String gives the text that was set.
func (v *givenValue) String() string {
	if v.flags == nil { // pflag asks the zero value, too
		return ""
	}
	return v.flags.given[v.param]
}

// Type is what the help shows as the value.
func (v *givenValue) Type() string {
	if v.takes == "" {
		return "bool"
	}
	return v.takes
}

// Words rewrites what pflag reads otherwise than Kedro to long forms: the two-letter
// shorthands (-lv, -ns, -ns=a), and one letter with an equals sign, which belongs to
// the value (-t=a is the tag "=a"). A word that is the value of an option, or stands
// after "--", stays as it is.
func Words(set *pflag.FlagSet, argv []string) []string {
	long := map[string]string{}
	for _, opt := range runOptions() {
		if len(opt.short) == 2 {
			long["-"+opt.short] = "--" + opt.flag
		}
	}
	words := slices.Clone(argv)
	for i := 0; i < len(words) && words[i] != "--"; i++ {
		short, value, assigned := strings.Cut(words[i], "=")
		if name, ok := long[short]; ok {
			words[i] = name + words[i][len(short):]
		} else if flag := shorthand(set, short); assigned && flag != nil && flag.NoOptDefVal == "" {
			words[i] = "--" + flag.Name + "==" + value
		}
		if takesNextWord(set, words[i]) {
			i++
		}
	}
	return words
}

// shorthand is the flag of a word of a dash and one letter, nil for any other word.
func shorthand(set *pflag.FlagSet, word string) *pflag.Flag {
	if len(word) != 2 || word[0] != '-' || word[1] == '-' {
		return nil
	}
	return set.ShorthandLookup(word[1:])
}

// takesNextWord tells whether the option in word has its value in the next word.
func takesNextWord(set *pflag.FlagSet, word string) bool {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		flag := set.Lookup(name)
		return flag != nil && flag.NoOptDefVal == ""
	}
	letters, ok := strings.CutPrefix(word, "-")
	if !ok {
		return false
	}
	for i := range len(letters) {
		flag := set.ShorthandLookup(letters[i : i+1])
		if flag == nil {
			return false
		}
		if flag.NoOptDefVal == "" { // the rest of the word is its value, if there is a rest
			return i == len(letters)-1
		}
	}
	return false
}

// FlagError turns an error of pflag into the one Kedro's command line raises.
func FlagError(set *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	var badValue *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		if unknown.GetSpecifiedShortnames() != "" {
			return noSuchOption("-"+unknown.GetSpecifiedName(), nil)
		}
		return noSuchOption("--"+unknown.GetSpecifiedName(), longNames(set))
	case errors.As(err, &noValue):
		dashes := "--"
		if noValue.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return &UsageError{Class: "BadOptionUsage", Message: "Option '" + dashes + noValue.GetSpecifiedName() + "' requires an argument."}
	case errors.Is(err, errTakesNoValue) && errors.As(err, &badValue):
		return &UsageError{Class: "BadOptionUsage", Message: "Option '--" + badValue.GetFlag().Name + "' does not take a value."}
	case errors.As(err, &badValue):
		return badParameter("'--"+badValue.GetFlag().Name+"'", "%v", badValue.Unwrap())
	}
	return usageErrorf("%v", err)
}

func longNames(set *pflag.FlagSet) []string {
	names := []string{}
	set.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			names = append(names, "--"+flag.Name)
		}
	})
	if !slices.Contains(names, "--help") { // click always has it; a bare flag set doesn't list it
		names = append(names, "--help")
	}
	return names
}
