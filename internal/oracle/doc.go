// Package oracle holds what real Kedro 1.7 answered to several thousand
// questions, and asks the project the same ones. It is imported by tests only.
//
// The questions and answers ("vectors") are described in conformance/README.md;
// the Python programs that made them stand beside them. A package shows that
// it behaves as Kedro does with one test per family:
//
//	func TestConformanceModular(t *testing.T) {
//		oracle.Suite{
//			Family: "modular",
//			Answer: func(t *testing.T, v oracle.Vector) any {
//				var in struct{ Nodes []oracle.Node; Steps []oracle.Value }
//				v.Decode(t, &in)              // unknown fields of the question fail the test
//				...
//				return map[string]any{...}    // the form of the vector's "expect"
//			},
//		}.Run(t)
//	}
//
// The answer may hold any Go value: structs are taken through encoding/json,
// errors become {"type", "bases", "message"} (see [Error]), NaN, infinities,
// byte slices and maps with other keys than text get the tagged forms of the
// README, [Dict] becomes {"$dict": ...}. Integers and floats are told apart, as
// in the vectors. Parts that a vector declares unstable are left out.
//
// With KEDGE_VECTORS=DIR (an absolute path) in the environment the vectors are read from
// DIR/<family>.jsonl.gz: answers to other questions, made with
//
//	python gen_<family>.py --seed other --extra --out DIR
package oracle
