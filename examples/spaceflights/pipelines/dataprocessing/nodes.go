package dataprocessing

import (
	"fmt"
	"strconv"
	"strings"
)

// preprocessCompanies turns ratings into fractions and "t" into true.
func preprocessCompanies(companies []Company) ([]CleanCompany, error) {
	clean := make([]CleanCompany, len(companies))
	for i, c := range companies {
		rating, err := parsePercentage(c.Rating)
		if err != nil {
			return nil, fmt.Errorf("company %d: %w", c.ID, err)
		}
		clean[i] = CleanCompany{
			ID: c.ID, Rating: rating, Location: c.Location, TotalFleetCount: c.TotalFleetCount,
			IATAApproved: c.IATAApproved != nil && isTrue(*c.IATAApproved),
		}
	}
	return clean, nil
}

// preprocessShuttles turns prices into numbers and "t" into true.
func preprocessShuttles(shuttles []Shuttle) ([]CleanShuttle, error) {
	clean := make([]CleanShuttle, len(shuttles))
	for i, s := range shuttles {
		price, err := parseMoney(s.Price)
		if err != nil {
			return nil, fmt.Errorf("shuttle %d: %w", s.ID, err)
		}
		clean[i] = CleanShuttle{
			ID: s.ID, Location: s.Location, Type: s.Type, EngineType: s.EngineType, EngineVendor: s.EngineVendor,
			Engines: s.Engines, PassengerCapacity: s.PassengerCapacity, CancellationPolicy: s.CancellationPolicy, Crew: s.Crew,
			DCheckComplete: isTrue(s.DCheckComplete), MoonClearanceComplete: isTrue(s.MoonClearanceComplete),
			Price: price, CompanyID: s.CompanyID,
		}
	}
	return clean, nil
}

func isTrue(text string) bool { return text == "t" }

// parsePercentage reads "97%" as 0.97; a blank stays blank.
func parsePercentage(text *string) (*float64, error) {
	if text == nil {
		return nil, nil
	}
	percent, err := strconv.ParseFloat(strings.ReplaceAll(*text, "%", ""), 64)
	if err != nil {
		return nil, fmt.Errorf("rating: %w", err)
	}
	percent /= 100
	return &percent, nil
}

var moneySigns = strings.NewReplacer("$", "", ",", "")

// parseMoney reads "$1,325.0".
func parseMoney(text string) (float64, error) {
	amount, err := strconv.ParseFloat(moneySigns.Replace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("price: %w", err)
	}
	return amount, nil
}

// createModelInputTable joins shuttles with their reviews and companies, in the order of the shuttles, and drops every
// row with a blank.
func createModelInputTable(shuttles []CleanShuttle, companies []CleanCompany, reviews []Review) []ModelInput {
	reviewsOf := groupBy(reviews, func(r Review) int64 { return r.ShuttleID })
	companiesOf := groupBy(companies, func(c CleanCompany) int64 { return c.ID })
	table := make([]ModelInput, 0, len(shuttles))
	for _, s := range shuttles {
		for _, r := range reviewsOf[s.ID] {
			for _, c := range companiesOf[s.CompanyID] {
				if complete(s, r, c) {
					table = append(table, modelInput(s, r, c))
				}
			}
		}
	}
	return table
}

func groupBy[T any](rows []T, key func(T) int64) map[int64][]T {
	groups := make(map[int64][]T, len(rows))
	for _, row := range rows {
		groups[key(row)] = append(groups[key(row)], row)
	}
	return groups
}

// complete reports whether a joined row has no blank (pandas' dropna).
func complete(s CleanShuttle, r Review, c CleanCompany) bool {
	for _, number := range []*float64{
		s.Engines, s.Crew, r.Rating, r.Comfort, r.Amenities, r.Trip, r.Crew, r.Location, r.Price, r.ReviewsPerMonth,
		c.Rating, c.TotalFleetCount,
	} {
		if number == nil {
			return false
		}
	}
	return c.Location != nil
}

func modelInput(s CleanShuttle, r Review, c CleanCompany) ModelInput {
	return ModelInput{
		ShuttleLocation: s.Location, ShuttleType: s.Type, EngineType: s.EngineType, EngineVendor: s.EngineVendor,
		Engines: *s.Engines, PassengerCapacity: s.PassengerCapacity, CancellationPolicy: s.CancellationPolicy, Crew: *s.Crew,
		DCheckComplete: s.DCheckComplete, MoonClearanceComplete: s.MoonClearanceComplete, Price: s.Price, CompanyID: s.CompanyID,
		ShuttleID: r.ShuttleID, ReviewScoresRating: *r.Rating, ReviewScoresComfort: *r.Comfort, ReviewScoresAmenities: *r.Amenities,
		ReviewScoresTrip: *r.Trip, ReviewScoresCrew: *r.Crew, ReviewScoresLocation: *r.Location, ReviewScoresPrice: *r.Price,
		NumberOfReviews: r.NumberOfReviews, ReviewsPerMonth: *r.ReviewsPerMonth,
		ID: c.ID, CompanyRating: *c.Rating, CompanyLocation: *c.Location, TotalFleetCount: *c.TotalFleetCount, IATAApproved: c.IATAApproved,
	}
}
