package dataset

import (
	"fmt"

	"github.com/kedge-run/kedge/catalog"
)

// refusal is a type of kedro-datasets that can't work here: why, and what to use instead.
type refusal struct{ class, why, instead string }

const (
	pythonObjects = "holds Python objects, which Kedge can't read"
	pythonLibrary = "is built on a Python library"
	sparkSession  = "needs a Spark session, which runs in Python"
	modelService  = "gives a Python object"
)

// refused are those types. Every one of kedro-datasets that isn't here is either supported or unknown.
var refused = []refusal{
	{"biosequence.biosequence_dataset.BioSequenceDataset", pythonLibrary, "text.TextDataset"},
	{"dask.csv_dataset.CSVDataset", pythonLibrary, "partitions.PartitionedDataset of pandas.CSVDataset"},
	{"dask.parquet_dataset.ParquetDataset", pythonLibrary, "partitions.PartitionedDataset of pandas.ParquetDataset"},
	{"databricks.managed_table_dataset.ManagedTableDataset", sparkSession, "pandas.ParquetDataset"},
	{"email.message_dataset.EmailMessageDataset", pythonObjects, "text.TextDataset"},
	{"geopandas.generic_dataset.GenericDataset", pythonLibrary, "json.JSONDataset for GeoJSON"},
	{"huggingface.arrow_dataset.ArrowDataset", pythonLibrary, "pandas.FeatherDataset"},
	{"huggingface.csv_dataset.CSVDataset", pythonLibrary, "pandas.CSVDataset"},
	{"huggingface.hugging_face_dataset.HFDataset", pythonLibrary, "pandas.ParquetDataset"},
	{"huggingface.json_dataset.JSONDataset", pythonLibrary, "pandas.JSONDataset"},
	{"huggingface.parquet_dataset.ParquetDataset", pythonLibrary, "pandas.ParquetDataset"},
	{"huggingface.transformer_pipeline_dataset.HFTransformerPipelineDataset", modelService, "a service that is asked by api.APIDataset"},
	{"ibis.file_dataset.FileDataset", pythonLibrary, "pandas.ParquetDataset or pandas.CSVDataset"},
	{"ibis.table_dataset.TableDataset", pythonLibrary, "pandas.SQLTableDataset"},
	{"langchain.chat_anthropic_dataset.ChatAnthropicDataset", modelService, "api.APIDataset"},
	{"langchain.chat_cohere_dataset.ChatCohereDataset", modelService, "api.APIDataset"},
	{"langchain.chat_openai_dataset.ChatOpenAIDataset", modelService, "api.APIDataset"},
	{"langchain.openai_embeddings_dataset.OpenAIEmbeddingsDataset", modelService, "api.APIDataset"},
	{"matlab.matlab_dataset.MatlabDataset", pythonLibrary, "pandas.ParquetDataset"},
	{"networkx.gml_dataset.GMLDataset", pythonLibrary, "json.JSONDataset"},
	{"networkx.graphml_dataset.GraphMLDataset", pythonLibrary, "json.JSONDataset"},
	{"networkx.json_dataset.JSONDataset", pythonLibrary, "json.JSONDataset, which reads the same file"},
	{"openxml.docx_dataset.DocxDataset", pythonObjects, "text.TextDataset"},
	{"openxml.pptx_dataset.PptxDataset", pythonObjects, "text.TextDataset"},
	{"pandas.deltatable_dataset.DeltaTableDataset", pythonLibrary, "pandas.ParquetDataset"},
	{"pandas.gbq_dataset.GBQQueryDataset", pythonLibrary, "pandas.SQLQueryDataset, or an export as Parquet"},
	{"pandas.gbq_dataset.GBQTableDataset", pythonLibrary, "pandas.SQLTableDataset, or an export as Parquet"},
	{"pandas.generic_dataset.GenericDataset", "calls any function of pandas by name", "the type of the format, such as pandas.CSVDataset"},
	{"pandas.hdf_dataset.HDFDataset", pythonObjects, "pandas.ParquetDataset"},
	{"pandas.xml_dataset.XMLDataset", pythonLibrary, "pandas.JSONDataset, or text.TextDataset and a node that reads it"},
	{"pickle.pickle_dataset.PickleDataset", pythonObjects, "json.JSONDataset for values, pandas.ParquetDataset for tables"},
	{"plotly.html_dataset.HTMLDataset", pythonObjects, "text.TextDataset, or plotly.JSONDataset"},
	{"plotly.plotly_dataset.PlotlyDataset", pythonLibrary, "plotly.JSONDataset and a node that makes the figure"},
	{"polars.csv_dataset.CSVDataset", pythonLibrary, "pandas.CSVDataset"},
	{"polars.eager_polars_dataset.EagerPolarsDataset", pythonLibrary, "pandas.ParquetDataset or pandas.CSVDataset"},
	{"polars.lazy_polars_dataset.LazyPolarsDataset", pythonLibrary, "pandas.ParquetDataset or pandas.CSVDataset"},
	{"redis.redis_dataset.PickleDataset", pythonObjects, "json.JSONDataset"},
	{"snowflake.snowpark_dataset.SnowparkTableDataset", pythonLibrary, "pandas.ParquetDataset"},
	{"spark.deltatable_dataset.DeltaTableDataset", sparkSession, "pandas.ParquetDataset"},
	{"spark.gbq_dataset.GBQQueryDataset", sparkSession, "pandas.ParquetDataset"},
	{"spark.spark_dataset.SparkDataset", sparkSession, "pandas.ParquetDataset"},
	{"spark.spark_dataset_v2.SparkDatasetV2", sparkSession, "pandas.ParquetDataset"},
	{"spark.spark_hive_dataset.SparkHiveDataset", sparkSession, "pandas.SQLTableDataset"},
	{"spark.spark_jdbc_dataset.SparkJDBCDataset", sparkSession, "pandas.SQLTableDataset"},
	{"spark.spark_streaming_dataset.SparkStreamingDataset", sparkSession, "partitions.IncrementalDataset"},
	{"svmlight.svmlight_dataset.SVMLightDataset", pythonLibrary, "pandas.ParquetDataset"},
	{"tensorflow.tensorflow_model_dataset.TensorFlowModelDataset", pythonObjects, "a service that is asked by api.APIDataset"},
}

// build makes the error of a refused type.
func (r refusal) build(spec catalog.Spec) (catalog.Dataset, error) {
	return nil, &catalog.DatasetError{Message: fmt.Sprintf("%s %s: use %s, or run the project on the hosted engine", spec.Type, r.why, r.instead)}
}
