"""Common words that only training draws, as values and as parts of names, so that it can copy more than a few lists."""

WORDS = """account acid acorn actor advice agency air aisle almond amber angle ankle answer ant apron arch arena arm
arrow art ash attack aunt axe baby back badge bag bagel ball balloon banana banjo bank bar barrel base basin bat bath
beach bead beam bean bear beast bee beetle bell belt bench berry bike bill bin birch blade block blood board boat body
bolt bone boot border boss bowl brain brass brick bride broom brush bubble bucket bug bull bun bush button cab cactus
cage calf camel camp can cane cap cape captain carbon card cargo carrot cart cash castle cave cedar cell cement chain
chalk champion chance change chapel chart chef cherry chest chicken chief child chin chip choice chocolate choir
church cigar circle circus citizen clay cliff cloth cloud clove clown club coach coal coast coat cobra cocoa coconut
code coil collar colony column comet comic cone cook copy coral cord corn corner cost couple court cousin cover cow
crab crane crate cream creek crew cross crowd crown crust cube cup curb curry curve cycle dance danger data date dawn
day deal debate deck deer delta desert design dial diamond diary dice dinner dirt disc dish ditch dolphin donkey dot
dough dove dozen draft dragon drama dream dress drill drink drive drum duck dusk dust eagle ear earth east echo edge
eel egg elbow elk elm ember emerald empire energy engine error estate evening event exit eye fabric face fact factory
falcon family farm fashion father feast feather fern fever fig figure film filter finger fire flag flame flash fleet
flint floor flour flute fly foam fog foil folk food foot force forest fork form fort fossil fountain fox frame friend
frog front frost fruit fuel fun fur future gallon gang gap garlic gas gear gem ghost giant ginger glacier glove glue
goal gold goose grain grape grass gravel gravy grid grin grove guard guitar gull gum gym hail hair half hall ham hand
handle hat hawk hay hazel head heart heat hedge heel height help hen herb hero hill hip hive hockey holly home honey
hood hook hope horn hose host hotel hour house hunter hut ice idea igloo inch index ink inn insect iris iron island
ivy jam jar jaw jazz jelly jet jewel job joke judge jungle jury kid king kiss kit kite kitten knee knight knot label
lace lad lamb lane lark lava law layer leader leaf league leather leg lemon lens lentil lesson lever library lid life
lily lime limit line lion lip list liver lizard load lobster log loop lord lot lotus luck lunch lung machine magic
maid mail maker mango manor maple marble march mark market marsh mask mast mat meat medal melon member memory menu
metal middle mile milk mill mind mineral mint minute mist mole moment monk monkey month mood moon moose moss moth
motor mountain mouse mouth mud mule muscle museum myth nail name napkin nation neck needle nephew nerve nest net news
night noise noon nose notch novel number nurse nut oak oar oat object ocean office oil olive onion option orbit
orchard order organ otter oval owl owner ox oyster pack paddle page pain pair palace palm pan panda panel paper parade
park part partner party pass past paste patch path pause paw pea peach peak peanut pear pearl pebble pen pencil
penguin pepper person phase pie pier pig pigeon pile pilot pin pine pink pint pipe pirate pit place plain plan planet
plank plaza plot plug plum pocket poem poet pole pond pony pool port post pot potato powder power prince print prison
prize proof pump pumpkin pupil puppy purse quail quake quarter queen quest quick quiz rabbit race rack radar radish
raft rail rain ramp ranch range rat raven ray razor reason record reef relay rest rib rice ride ridge rifle ring rise
road robin rod role root rope rose row rubber ruby rule rum rust sack saint salad salmon salt sand satin sauce scale
scarf scene school scout screw sea seal season seat secret seed sense shade shadow shaft shape shark sheep sheet shell
shelter shield ship shirt shoe shore shovel shower side sign silk sink sister site skate ski skill skin skirt skull
sky slate sled sleep slice slope smile smoke snail snake snow soap soccer sock soil soldier song sound soup space
spark spear speech spice spider spike spine spiral spirit sponge spot spring spy squad square squid stable staff stage
stair stake stall star state steak steam stem step stick sting stone stool stop storm story straw stream street string
stripe study sugar suit sun surf swan swim sword syrup table tail tale talent tap tape target tart task taste taxi
teapot tennis term test text theme thing thorn thread throat throne thumb thunder tide tie tiger tile tin tip title
toad toast toe tomato tone tool tooth topaz torch total touch tour towel town toy trace track trade trail train trap
tray treasure trend trial tribe trick trip troop trout truck trunk trust truth tub tuba tulip tuna turkey turn turnip
twig twin type uncle union unit van valley vapor vault veil verse vest view village vine visit voice volcano vote
wagon waist walk wall walnut war wasp water wave wax wealth web wedge weed west whale wheat whip whisper wind wine
wing wire wish wolf wonder wool world worm wrist yard yarn year yeast yogurt zebra zero brave bitter bold brief busy
calm careful cheap civil clever cold cool cruel curious curly cute daily damp dark dear deep dense dry dull eager
early easy elder empty even exact extra faint fair false fancy fast fat few fine firm flat fluid foreign free fresh
full funny glad global grand grave grim happy hard harsh heavy high holy honest huge human humble icy ideal idle inner
jolly keen kind late lazy lean legal light local lone long loose loud low loyal lucky mad major mean merry mild minor
mobile modern moist moral naked narrower native neat new noble noisy odd old open outer pale polite poor prime proud
pure rare raw ready real rich ripe rough round royal rude sad safe salty sandy scarce senior sharp shiny short shy
silent silly simple single slow smart smooth soft solar solid sour special steady steep stiff strange strict strong
stupid sudden sunny super sure tall tame tender thick thin tight tired tough true ugly unique upset urban vague vast
vital warm weak wet wide wild wise worthy wrong young""".split()
