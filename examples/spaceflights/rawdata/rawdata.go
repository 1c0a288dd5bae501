// Package rawdata makes up the three raw files of the spaceflights tutorial, with the dirt of the real ones: percent
// signs, "t" and "f" for true and false, prices such as "$1,325.0", and blanks.
package rawdata

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Size says how much data to make.
type Size struct {
	Companies int
	Shuttles  int // and as many reviews
}

// Small is enough to see every kind of dirt, and to train a model that means something.
var Small = Size{Companies: 1_000, Shuttles: 2_000}

// Write makes companies.csv, reviews.csv and shuttles.xlsx in dir. The same seed makes the same data.
func Write(dir string, size Size, seed uint64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	m := &maker{rng: rand.New(rand.NewPCG(seed, 0))}
	companies := m.ids(size.Companies, 50_000)
	shuttles := m.ids(size.Shuttles, 77_000)
	if err := writeCSV(filepath.Join(dir, "companies.csv"), m.companies(companies)); err != nil {
		return err
	}
	if err := writeExcel(filepath.Join(dir, "shuttles.xlsx"), m.shuttles(shuttles, companies)); err != nil {
		return err
	}
	return writeCSV(filepath.Join(dir, "reviews.csv"), m.reviews(shuttles))
}

// maker draws values. A nil value is a blank.
type maker struct{ rng *rand.Rand }

// ids draws n different numbers, in no order.
func (m *maker) ids(n, least int) []int {
	return m.rng.Perm(max(n, least))[:n]
}

func (m *maker) chance(p float64) bool { return m.rng.Float64() < p }

func (m *maker) pick(values ...any) any { return values[m.rng.IntN(len(values))] }

func (m *maker) companies(ids []int) [][]any {
	rows := [][]any{{"id", "company_rating", "company_location", "total_fleet_count", "iata_approved"}}
	for _, id := range ids {
		row := []any{id, fmt.Sprintf("%d%%", 100-min(m.rng.IntN(101), m.rng.IntN(101), m.rng.IntN(101))),
			m.pick("Isle of Man", "Malta", "Niue", "Bosnia and Herzegovina", "Faroe Islands", "Wallis and Futuna", "Sao Tome and Principe"),
			float64(1 + m.rng.IntN(12)), m.pick("t", "f")}
		if m.chance(0.5) {
			row[1] = nil
		}
		if m.chance(0.3) {
			row[2] = nil
		}
		if m.chance(0.01) {
			row[3], row[4] = nil, nil
		}
		rows = append(rows, row)
	}
	return rows
}

func (m *maker) shuttles(ids, companies []int) [][]any {
	rows := [][]any{{"id", "shuttle_location", "shuttle_type", "engine_type", "engine_vendor", "engines", "passenger_capacity",
		"cancellation_policy", "crew", "d_check_complete", "moon_clearance_complete", "price", "company_id"}}
	for _, id := range ids {
		engines := 1 + m.rng.IntN(3)
		passengers := 1 + m.rng.IntN(9)
		crew := 1 + passengers/3 + m.rng.IntN(2)
		price := 1000 + 350*engines + 330*passengers - 180*crew + int(m.rng.NormFloat64()*550)
		row := []any{id, m.pick("Niue", "Malta", "Anguilla", "Barbados"), m.pick("Type V5", "Type V5", "Type F5", "Type V2", "Type G0"),
			m.pick("Plasma", "Quantum", "Nuclear"), m.pick("ThetaBase Services", "Banks, Wood and Phillips"), engines, passengers,
			m.pick("strict", "moderate", "flexible"), crew, m.pick("t", "f"), "f", money(max(price, 200)), companies[m.rng.IntN(len(companies))]}
		if m.chance(0.01) {
			row[5] = nil
		}
		if m.chance(0.02) {
			row[8] = nil
		}
		rows = append(rows, row)
	}
	return rows
}

func (m *maker) reviews(shuttles []int) [][]any {
	rows := [][]any{{"shuttle_id", "review_scores_rating", "review_scores_comfort", "review_scores_amenities", "review_scores_trip",
		"review_scores_crew", "review_scores_location", "review_scores_price", "number_of_reviews", "reviews_per_month"}}
	for _, id := range shuttles {
		row := []any{id, float64(60 + m.rng.IntN(41))}
		for range 6 {
			row = append(row, float64(6+m.rng.IntN(5)))
		}
		row = append(row, 1+m.rng.IntN(200), float64(1+m.rng.IntN(500))/100)
		if m.chance(0.25) { // never reviewed
			for i := 1; i < 8; i++ {
				row[i] = nil
			}
			row[8], row[9] = 0, nil
		}
		rows = append(rows, row)
	}
	return rows
}

// money writes 1325 as $1,325.0.
func money(amount int) string {
	digits := strconv.Itoa(amount)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return "$" + digits + ".0"
}

func writeCSV(path string, rows [][]any) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := csv.NewWriter(file)
	for _, row := range rows {
		if err := w.Write(cells(row)); err != nil {
			return err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return file.Close()
}

// cells writes numbers as pandas does: 26 and 91.0.
func cells(row []any) []string {
	texts := make([]string, len(row))
	for i, value := range row {
		switch v := value.(type) {
		case nil:
		case float64:
			texts[i] = strconv.FormatFloat(v, 'f', -1, 64)
			if !strings.Contains(texts[i], ".") {
				texts[i] += ".0"
			}
		default:
			texts[i] = fmt.Sprint(v)
		}
	}
	return texts
}

func writeExcel(path string, rows [][]any) error {
	book := excelize.NewFile()
	defer book.Close()
	sheet, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	for i, row := range rows {
		if err := sheet.SetRow(fmt.Sprintf("A%d", i+1), row); err != nil {
			return err
		}
	}
	if err := sheet.Flush(); err != nil {
		return err
	}
	return book.SaveAs(path)
}
