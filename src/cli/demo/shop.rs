//! A shop for an evening: a dozen products, and orders for more of them than there are.
//!
//! The orders are the same in each run of the same size; which of them come too late is not.
//!
//! Not here: sending them.

use rand::rngs::StdRng;
use rand::seq::index;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::cli::parse::Price;
use crate::proto::v1;

/// The currency of all prices.
pub(super) const CURRENCY: &str = "GBP";

const SEED: u64 = 7;
const LINES_MAX: usize = 3;
const QUANTITY_MAX: u64 = 4;
const MILLIONTHS_OF_A_PENNY: i64 = 10_000;

/// Something that is sold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    /// Its name, which is also its SKU.
    pub(super) sku: &'static str,
    /// The price of one.
    price_pence: u32,
    /// How likely it is ordered, compared with the others.
    popularity: u8,
    /// How much there is of each 100 units that are wanted.
    supply_percent: u8,
}

const fn product(
    sku: &'static str,
    price_pence: u32,
    popularity: u8,
    supply_percent: u8,
) -> Product {
    Product { sku, price_pence, popularity, supply_percent }
}

/// Everything that the shop has. What is wanted most is what there is least of.
pub(super) const PRODUCTS: [Product; 12] = [
    product("Beeswax candle", 4_50, 6, 70),
    product("Blue enamel mug", 6_95, 9, 60),
    product("Bread knife", 18_00, 4, 75),
    product("Cast iron pan", 42_50, 5, 65),
    product("Copper kettle", 59_00, 10, 40),
    product("Garden lantern", 24_95, 5, 70),
    product("Linen tea towel", 8_25, 8, 95),
    product("Oak chopping board", 21_50, 4, 75),
    product("Picnic basket", 39_00, 3, 80),
    product("Stoneware bowl", 12_75, 7, 65),
    product("Walnut tray", 27_00, 3, 90),
    product("Wool blanket", 64_00, 6, 55),
];

impl Product {
    /// Its balance's name.
    pub(super) fn stock(&self) -> v1::StockResource {
        v1::StockResource { sku: self.sku.to_owned(), location: String::new() }
    }

    fn price(&self) -> Price {
        Price::from_millionths(i64::from(self.price_pence) * MILLIONTHS_OF_A_PENNY)
    }

    /// The price of one, as people write it.
    pub(super) fn price_text(&self) -> String {
        format!("{}.{:02}", self.price_pence / 100, self.price_pence % 100)
    }

    /// How many units there are where so many are wanted; never none.
    pub(super) fn supply(&self, wanted: u64) -> u64 {
        (wanted * u64::from(self.supply_percent) / 100).max(1)
    }
}

/// What one customer wants: products by their number, none twice, and how many of each.
#[derive(Debug, Clone)]
pub(super) struct Order {
    customer: String,
    lines: Vec<(usize, u64)>,
}

impl Order {
    /// As the wire carries it, under a request id of its own; answered when the order has ended.
    pub(super) fn request(&self) -> v1::CreateSalesOrderRequest {
        let line = |&(number, quantity): &(usize, u64)| {
            let product = &PRODUCTS[number];
            v1::SalesOrderLine {
                line_id: String::new(),
                resource: Some(v1::sales_order_line::Resource::Stock(product.stock())),
                quantity,
                unit_price: Some(product.price().into_money(CURRENCY)),
                total: None,
            }
        };
        v1::CreateSalesOrderRequest {
            request_id: Uuid::new_v4().to_string(),
            customer: self.customer.clone(),
            lines: self.lines.iter().map(line).collect(),
            wait: v1::SalesOrderWait::Ended.into(),
            ..Default::default()
        }
    }
}

/// So many orders.
pub(super) fn orders(count: u32) -> Vec<Order> {
    let mut rng = StdRng::seed_from_u64(SEED);
    (1..=count).map(|number| order(number, &mut rng)).collect()
}

fn order(number: u32, rng: &mut StdRng) -> Order {
    let lines = rng.random_range(1..=LINES_MAX);
    let popularity = |number: usize| f64::from(PRODUCTS[number].popularity);
    let products = index::sample_weighted(rng, PRODUCTS.len(), popularity, lines)
        .expect("there are more products than lines, and each is wanted by somebody");
    let lines = products.iter().map(|number| (number, rng.random_range(1..=QUANTITY_MAX)));
    Order { customer: format!("customer {number}"), lines: lines.collect() }
}

/// How many units of each product all these orders want together.
pub(super) fn wanted(orders: &[Order]) -> [u64; PRODUCTS.len()] {
    let mut wanted = [0; PRODUCTS.len()];
    for (number, quantity) in orders.iter().flat_map(|order| &order.lines) {
        wanted[*number] += quantity;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_wanted_than_there_is_and_nobody_orders_a_product_twice() {
        let orders = orders(200);
        let wanted = wanted(&orders);
        for (product, wanted) in PRODUCTS.iter().zip(wanted) {
            assert!(product.supply(wanted) < wanted, "{}", product.sku);
        }
        for order in &orders {
            let mut products: Vec<_> = order.lines.iter().map(|(number, _)| number).collect();
            products.sort_unstable();
            products.dedup();
            assert_eq!(products.len(), order.lines.len());
        }
    }

    #[test]
    fn a_price_is_told_as_it_is_charged() {
        let kettle = PRODUCTS[4];
        let money = kettle.price().into_money(CURRENCY);
        assert_eq!((kettle.price_text().as_str(), money.units, money.nanos), ("59.00", 59, 0));
        assert_eq!(PRODUCTS[1].price_text(), "6.95");
    }
}
