package oracle

// Declaration says what of a family isn't compared as it stands, and why. docs/kedro.md
// lists all of them in the same words, which is tested.
type Declaration struct{ Family, What string }

// What the suites leave out.
var (
	Quirk       = Declaration{"construct", "kind `quirk` is skipped: inputs that are `0`, `False` or `0.0` get the error about their type; accidents of Python's truth values"}
	MachineSize = Declaration{"cli", "`max_workers` is ignored where an overridden `--runner-params` named it: the vector holds the default of the machine that made it"}
)

// What the suites bring into one form before they compare.
var (
	Newline         = Declaration{"construct", "a name or tag that ends in a newline is answered with the error of PIP-006: Python's `$` lets it through, and the specification says not to copy that"}
	ParameterOrder  = Declaration{"catalog", "parameters are asked in the order of the answer: the vectors' files sort the keys of a question"}
	EmptyFile       = Declaration{"run", "a file that a failed save of Kedro leaves empty is taken as empty: Kedge saves all or nothing"}
	KeyOrder        = Declaration{"run", "JSON files are compared as data: Go maps have no order"}
	PythonWarnings  = Declaration{"run", "warnings of Python's libraries are added"}
	OtherPipelines  = Declaration{"run", "warnings about pipelines that don't run are added: Kedge builds only those that run"}
	DottedNames     = Declaration{"run", "the warning about full stops in dataset names is dropped: Kedro gives it once in a process"}
	KeyErrorQuotes  = Declaration{"run", "the text of a `KeyError` gets quotes in the log: Python prints it so"}
	DatasetPrefix   = Declaration{"run", "the name of the dataset is cut off the error of loading a result: Kedge says which dataset it was"}
	PipelinePrefix  = Declaration{"run", "the name of the pipeline is cut off the error of building it: Kedge says which pipeline it was"}
	GrownList       = Declaration{"run", "a list argument that a node grows gets its new end where the recorder sees the node's inputs: a Go function can't grow a list of its caller"}
	RepeatedReturn  = Declaration{"run", "a value that a hook returned and a node changed starts without that change: the vector was written after the run"}
	RecordedVersion = Declaration{"run", "the pin of a dataset that a hook replaces is dropped from what was recorded: Kedro's recorder holds the mapping, not a copy"}
)

// Declared are all declarations, in the order of docs/kedro.md.
func Declared() []Declaration {
	return []Declaration{Quirk, Newline, MachineSize, ParameterOrder, EmptyFile, KeyOrder, PythonWarnings, OtherPipelines, DottedNames,
		KeyErrorQuotes, DatasetPrefix, PipelinePrefix, GrownList, RepeatedReturn, RecordedVersion}
}
