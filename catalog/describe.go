package catalog

// Description says what a dataset is: its class, as Kedro names it, and the arguments it was made with.
type Description struct {
	Type string // full class name, such as kedro_datasets.json.json_dataset.JSONDataset
	Args []DescribedArg
}

// DescribedArg is one constructor argument of a Description. A nil Value is left out of the text.
type DescribedArg struct {
	Name  string
	Value any
}
