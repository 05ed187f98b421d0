//! The replays' rules: reading; sending invoices to a shop that is only its rules, and bookings to a
//! real server.

mod bookings;
mod hotel;
mod reading;
mod sending;
mod shop;

const HEADER: &str = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country";

/// A file of rows: invoice, code, quantity, price.
fn file(rows: &[(&str, &str, &str, &str)]) -> String {
    let mut file = HEADER.to_owned();
    for (invoice, code, quantity, price) in rows {
        file += &format!("\n{invoice},{code},x,{quantity},2009-12-01 07:45:00,{price},13085,UK");
    }
    file
}

const ROOMS: &str = "hotel,room_type,rooms\nSea,A,1\nCity,B,2\nCity,A,2";

/// The columns stand as nobody expects, and one is there that nobody needs.
const BOOKINGS_HEADER: &str = "reservation_status_date,reservation_status,hotel,reserved_room_type,\
    lead_time,arrival_date_year,arrival_date_month,arrival_date_day_of_month,meal,\
    stays_in_weekend_nights,stays_in_week_nights";

/// A file of rows: room, days ahead, day of the arrival in March 2016, nights, status and its date.
fn bookings(rows: &[(&str, u32, u32, u32, &str, &str)]) -> String {
    let mut file = BOOKINGS_HEADER.to_owned();
    for (room, ahead, day, nights, status, on) in rows {
        file += &format!("\n{on},{status},{room},{ahead},2016,March,{day},BB,0,{nights}");
    }
    file
}
