package dataprocessing

// Rows of the raw tables. A pointer is a column that may be blank.

// Company is a row of companies.csv.
type Company struct {
	ID              int64    `kedge:"id"`
	Rating          *string  `kedge:"company_rating"` // "97%"
	Location        *string  `kedge:"company_location"`
	TotalFleetCount *float64 `kedge:"total_fleet_count"`
	IATAApproved    *string  `kedge:"iata_approved"` // "t", "f"
}

// Shuttle is a row of shuttles.xlsx.
type Shuttle struct {
	ID                    int64    `kedge:"id"`
	Location              string   `kedge:"shuttle_location"`
	Type                  string   `kedge:"shuttle_type"`
	EngineType            string   `kedge:"engine_type"`
	EngineVendor          string   `kedge:"engine_vendor"`
	Engines               *float64 `kedge:"engines"`
	PassengerCapacity     int64    `kedge:"passenger_capacity"`
	CancellationPolicy    string   `kedge:"cancellation_policy"`
	Crew                  *float64 `kedge:"crew"`
	DCheckComplete        string   `kedge:"d_check_complete"`        // "t", "f"
	MoonClearanceComplete string   `kedge:"moon_clearance_complete"` // "t", "f"
	Price                 string   `kedge:"price"`                   // "$1,325.0"
	CompanyID             int64    `kedge:"company_id"`
}

// Review is a row of reviews.csv.
type Review struct {
	ShuttleID       int64    `kedge:"shuttle_id"`
	Rating          *float64 `kedge:"review_scores_rating"`
	Comfort         *float64 `kedge:"review_scores_comfort"`
	Amenities       *float64 `kedge:"review_scores_amenities"`
	Trip            *float64 `kedge:"review_scores_trip"`
	Crew            *float64 `kedge:"review_scores_crew"`
	Location        *float64 `kedge:"review_scores_location"`
	Price           *float64 `kedge:"review_scores_price"`
	NumberOfReviews int64    `kedge:"number_of_reviews"`
	ReviewsPerMonth *float64 `kedge:"reviews_per_month"`
}

// CleanCompany is a row of preprocessed_companies.
type CleanCompany struct {
	ID              int64    `kedge:"id"`
	Rating          *float64 `kedge:"company_rating"` // 0 to 1
	Location        *string  `kedge:"company_location"`
	TotalFleetCount *float64 `kedge:"total_fleet_count"`
	IATAApproved    bool     `kedge:"iata_approved"`
}

// CleanShuttle is a row of preprocessed_shuttles.
type CleanShuttle struct {
	ID                    int64    `kedge:"id"`
	Location              string   `kedge:"shuttle_location"`
	Type                  string   `kedge:"shuttle_type"`
	EngineType            string   `kedge:"engine_type"`
	EngineVendor          string   `kedge:"engine_vendor"`
	Engines               *float64 `kedge:"engines"`
	PassengerCapacity     int64    `kedge:"passenger_capacity"`
	CancellationPolicy    string   `kedge:"cancellation_policy"`
	Crew                  *float64 `kedge:"crew"`
	DCheckComplete        bool     `kedge:"d_check_complete"`
	MoonClearanceComplete bool     `kedge:"moon_clearance_complete"`
	Price                 float64  `kedge:"price"`
	CompanyID             int64    `kedge:"company_id"`
}

// ModelInput is a row of model_input_table: a rated shuttle with its company, nothing blank.
type ModelInput struct {
	ShuttleLocation       string  `kedge:"shuttle_location"`
	ShuttleType           string  `kedge:"shuttle_type"`
	EngineType            string  `kedge:"engine_type"`
	EngineVendor          string  `kedge:"engine_vendor"`
	Engines               float64 `kedge:"engines"`
	PassengerCapacity     int64   `kedge:"passenger_capacity"`
	CancellationPolicy    string  `kedge:"cancellation_policy"`
	Crew                  float64 `kedge:"crew"`
	DCheckComplete        bool    `kedge:"d_check_complete"`
	MoonClearanceComplete bool    `kedge:"moon_clearance_complete"`
	Price                 float64 `kedge:"price"`
	CompanyID             int64   `kedge:"company_id"`
	ShuttleID             int64   `kedge:"shuttle_id"`
	ReviewScoresRating    float64 `kedge:"review_scores_rating"`
	ReviewScoresComfort   float64 `kedge:"review_scores_comfort"`
	ReviewScoresAmenities float64 `kedge:"review_scores_amenities"`
	ReviewScoresTrip      float64 `kedge:"review_scores_trip"`
	ReviewScoresCrew      float64 `kedge:"review_scores_crew"`
	ReviewScoresLocation  float64 `kedge:"review_scores_location"`
	ReviewScoresPrice     float64 `kedge:"review_scores_price"`
	NumberOfReviews       int64   `kedge:"number_of_reviews"`
	ReviewsPerMonth       float64 `kedge:"reviews_per_month"`
	ID                    int64   `kedge:"id"`
	CompanyRating         float64 `kedge:"company_rating"`
	CompanyLocation       string  `kedge:"company_location"`
	TotalFleetCount       float64 `kedge:"total_fleet_count"`
	IATAApproved          bool    `kedge:"iata_approved"`
}
