package dataset

import (
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// UTC is the zone of times that name UTC, such as those of a Parquet column of type timestamp[us, tz=UTC]. It differs from time.UTC
// (and time.Local), which stand for times that name no zone, as most of pandas' do: those are saved without one. A node gives times
// this zone by t.In(dataset.UTC).
var UTC = time.FixedZone("UTC", 0)

// naive tells whether a time names no zone.
func naive(t time.Time) bool { return t.Location() == time.UTC || t.Location() == time.Local }

// inZone gives a time its zone; the one that Go uses for times without a zone becomes UTC.
func inZone(t time.Time, zone *time.Location) time.Time {
	if zone == time.UTC || zone == time.Local {
		zone = UTC
	}
	return t.In(zone)
}

// Arrow's types of times without a zone.
var (
	localTime = &arrow.TimestampType{Unit: arrow.Microsecond}
	localNano = &arrow.TimestampType{Unit: arrow.Nanosecond}
)

// timestampType gives the Arrow type that holds a time: of microseconds as pandas makes them, of nanoseconds where it has any.
func timestampType(t time.Time) *arrow.TimestampType {
	unit := unitOf(t)
	switch {
	case !naive(t):
		return &arrow.TimestampType{Unit: unit, TimeZone: zoneName(t)}
	case unit == arrow.Nanosecond:
		return localNano
	}
	return localTime
}

func unitOf(t time.Time) arrow.TimeUnit {
	if t.Nanosecond()%1000 != 0 {
		return arrow.Nanosecond
	}
	return arrow.Microsecond
}

// zoneName names the zone of a time as Arrow does: by the database of zones, else by the distance from UTC.
func zoneName(t time.Time) string {
	if name := t.Location().String(); name != "" {
		if _, err := time.LoadLocation(name); err == nil {
			return name
		}
	}
	return t.Format("-07:00")
}

// holdsTime tells whether a column of a type can take a time as it is. It saves to make the type of each time of a column.
func holdsTime(kind arrow.DataType, t time.Time) bool {
	column, ok := kind.(*arrow.TimestampType)
	if !ok || column.Unit != arrow.Nanosecond && unitOf(t) == arrow.Nanosecond {
		return false
	}
	if naive(t) {
		return column.TimeZone == ""
	}
	return column.TimeZone == UTC.String() || column.TimeZone == t.Location().String() && column.TimeZone != ""
}

// mergeTimes returns the type that holds the times of both: of the finer unit, in UTC where the zones differ. Times with and without a
// zone have none.
func mergeTimes(a, b *arrow.TimestampType) (arrow.DataType, bool) {
	if (a.TimeZone == "") != (b.TimeZone == "") {
		return nil, false
	}
	zone := a.TimeZone
	if zone != b.TimeZone {
		zone = UTC.String()
	}
	return &arrow.TimestampType{Unit: max(a.Unit, b.Unit), TimeZone: zone}, true
}

// arrowTime gives a time as a column of the type holds it; false when it is too far from 1970.
func arrowTime(t time.Time, kind *arrow.TimestampType) (arrow.Timestamp, bool) {
	if kind.Unit != arrow.Nanosecond {
		return arrow.Timestamp(t.UnixMicro()), true
	}
	const most = math.MaxInt64 / int64(time.Second)
	return arrow.Timestamp(t.UnixNano()), t.Unix() < most && t.Unix() > -most
}
