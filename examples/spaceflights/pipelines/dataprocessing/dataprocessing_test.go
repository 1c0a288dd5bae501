package dataprocessing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParsing(t *testing.T) {
	for text, want := range map[string]float64{"$1,325.0": 1325, "$999.5": 999.5, "$1,000,000.0": 1e6} {
		got, err := parseMoney(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := parseMoney("cheap")
	require.ErrorContains(t, err, `price: strconv.ParseFloat: parsing "cheap"`)

	text := "97%"
	rating, err := parsePercentage(&text)
	require.NoError(t, err)
	require.Equal(t, 0.97, *rating)
	blank, err := parsePercentage(nil)
	require.NoError(t, err)
	require.Nil(t, blank)
}

func TestPreprocessing(t *testing.T) {
	yes, no, half := "t", "f", "50%"
	companies, err := preprocessCompanies([]Company{{ID: 1, Rating: &half, IATAApproved: &yes}, {ID: 2, IATAApproved: &no}, {ID: 3}})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false, false}, []bool{companies[0].IATAApproved, companies[1].IATAApproved, companies[2].IATAApproved})
	require.Equal(t, 0.5, *companies[0].Rating)
	require.Nil(t, companies[1].Rating)

	bad := "good"
	_, err = preprocessCompanies([]Company{{ID: 8, Rating: &bad}})
	require.ErrorContains(t, err, "company 8: rating: ")
	_, err = preprocessShuttles([]Shuttle{{ID: 9, Price: "free"}})
	require.ErrorContains(t, err, "shuttle 9: price: ")
}

// TestModelInputTable joins as pandas does: every pair that fits, in the order of the shuttles, without blanks.
func TestModelInputTable(t *testing.T) {
	number, place := 1.0, "Malta"
	review := func(shuttle int64) Review {
		return Review{ShuttleID: shuttle, Rating: &number, Comfort: &number, Amenities: &number, Trip: &number, Crew: &number,
			Location: &number, Price: &number, ReviewsPerMonth: &number}
	}
	shuttle := func(id, company int64) CleanShuttle {
		return CleanShuttle{ID: id, CompanyID: company, Engines: &number, Crew: &number}
	}
	company := CleanCompany{ID: 7, Rating: &number, Location: &place, TotalFleetCount: &number}
	nowhere := CleanCompany{ID: 8, Rating: &number, TotalFleetCount: &number}
	unreviewed := review(4)
	unreviewed.ReviewsPerMonth = nil

	table := createModelInputTable(
		[]CleanShuttle{shuttle(3, 7), shuttle(1, 7), shuttle(2, 8), shuttle(4, 7), shuttle(5, 7), shuttle(6, 99)},
		[]CleanCompany{company, nowhere},
		[]Review{review(1), review(1), review(2), review(3), unreviewed, review(6)},
	)
	var ids []int64
	for _, row := range table {
		ids = append(ids, row.ShuttleID)
		require.Equal(t, int64(7), row.ID)
		require.Equal(t, "Malta", row.CompanyLocation)
	}
	require.Equal(t, []int64{3, 1, 1}, ids)
}
