-- What pgbench sends: one unit of one of the SKUs, each as likely as any other.
\set sku random(1, :skus)
SELECT reserve(:sku, 1);
